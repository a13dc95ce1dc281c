// Above the matrix: show only the claims that hold these words and have this verdict.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector(".matrix");
  if (!box) return;
  const rows = [...box.querySelectorAll("tbody tr")];
  const heads = [...box.querySelectorAll("thead th")].map((head) => head.textContent.trim());
  const verdict = (row) => row.children[heads.indexOf("verdict")].textContent.trim();
  const verdicts = [...new Set(rows.map(verdict))].sort();
  const form = document.createElement("form");
  form.className = "matrix-filter";
  form.innerHTML =
    '<input type="search" aria-label="Words to look for" placeholder="Words, such as POOL or stride">' +
    '<select aria-label="Verdict"><option value="">every verdict</option></select><output></output>';
  const [words, choice, count] = form.children;
  for (const each of verdicts) choice.add(new Option(each, each));
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word)) || (choice.value && verdict(row) !== choice.value);
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} claims`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  box.prepend(form);
  show();
});
