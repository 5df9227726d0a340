// Copy and print for the recovery codes. Without script the page has the download link and the browser's own print.
const codes = document.querySelectorAll("#codes code");
const status = document.querySelector("[data-copied]");
const copy = document.querySelector("[data-copy-codes]");
const print = document.querySelector("[data-print]");

if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText([...codes].map((code) => code.textContent).join("\n"));
    status.textContent = status.dataset.copied;
  });
}
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
