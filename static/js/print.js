// Buttons that print the page: <button type="button" data-print hidden>. Without script they stay hidden; the browser's own menu prints.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
