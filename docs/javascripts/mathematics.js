// Sets what arithmatex marked, with the KaTeX beside the pages: no network, from a file too.
document.addEventListener("DOMContentLoaded", () => {
  for (const place of document.querySelectorAll(".arithmatex")) {
    const source = place.textContent.trim().slice(2, -2); // without \( \) or \[ \]
    katex.render(source, place, { displayMode: place.tagName === "DIV", throwOnError: true, strict: "error" });
  }
});
