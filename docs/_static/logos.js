"use strict";
// Sequence logos. The heights of A, C, G, T come from Python, column after column, in 255ths of 2 bits, as base64.
const heightsOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

// The letters of a logo, each from the outline with its name; a column is 10 units wide and 40 high.
function logoShapes(heights) {
  let shapes = "";
  for (let at = 0; at < heights.length; at += 4) {
    let top = 40;
    for (const letter of [0, 1, 2, 3].sort((a, b) => heights[at + a] - heights[at + b])) {
      const tall = (heights[at + letter] * 40) / 255;
      if (tall < 0.8) continue;
      top -= tall;
      const place = `translate(${at * 2.5 + 0.3} ${top.toFixed(2)})scale(9.4 ${tall.toFixed(2)})`;
      shapes += `<use href="#${"ACGT"[letter]}" transform="${place}"/>`;
    }
  }
  return `${shapes}<path class="axis" d="M0 40.5H${heights.length * 2.5}"/>`;
}

for (const svg of document.querySelectorAll("svg[data-logo]")) svg.innerHTML = logoShapes(heightsOf(svg.dataset.logo));
