// Apps show codes as "123 456" and people paste them so: take the spaces out before the form is sent.
const field = document.querySelector("input.code");

field?.addEventListener("input", () => {
  field.value = field.value.replace(/\s+/g, "");
});
