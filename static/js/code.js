// The six digits. Apps show them as "123 456" and people paste them so: the spaces go. What is there is typed over.
const field = document.querySelector("input.code");

field?.addEventListener("input", () => {
  field.value = field.value.replace(/\s+/g, "");
});
field?.addEventListener("focus", () => field.select());
