// Buttons that copy: <button data-copy="id-of-element" hidden>Copy</button>. Without script they stay hidden.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText((source.dataset.plain ?? source.innerText).trim());
    const said = document.getElementById("copied");
    said.textContent = "";
    said.textContent = button.dataset.said;
  });
}
