// A button that prints the page: <button data-print hidden>Print</button>. Without script it stays hidden.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
