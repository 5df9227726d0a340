// Buttons that copy: <button type="button" data-copy="id" data-said="Copied" hidden> beside a [role=status].
// What is copied is the element's data-plain, or its text, an item a line. Without script or clipboard they stay hidden.
const plain = (source) => {
  const items = [...source.querySelectorAll("li")];
  return source.dataset.plain ?? (items.length ? items.map((item) => item.textContent.trim()).join("\n") : source.textContent.trim());
};

const copy = async (button) => {
  const source = document.getElementById(button.dataset.copy);
  const status = button.parentElement.querySelector("[role=status]");
  status.textContent = "";
  try {
    await navigator.clipboard.writeText(plain(source));
    status.textContent = button.dataset.said;
  } catch {
    getSelection().selectAllChildren(source); // the browser forbids it: the person's own copy still works
  }
};

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}
