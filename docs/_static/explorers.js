"use strict";
// Figures that can be moved. Numbers come from Python, in the JSON of each form; here they are looked up and drawn,
// and what layers add to a field is added up.

// A drawing function for each explorer takes the data, the values of the controls, the element to draw in, the form and
// how many units wide to draw, so that a unit is a pixel; it returns what to say.
const explorers = {};

const shape = (name, attributes, text = "") =>
  `<${name} ${Object.entries(attributes).map(([key, value]) => `${key}="${value}"`).join(" ")}>${text}</${name}>`;

const picture = (wide, high, shapes) => shape("svg", { class: "whole", viewBox: `0 0 ${wide} ${high}`, role: "img" }, shapes);

const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

function start(form) {
  const data = JSON.parse(form.querySelector("script").textContent);
  const controls = [...form.querySelectorAll("input, select")];
  const draw = explorers[form.dataset.explorer];
  const stage = form.querySelector(".stage");
  const show = (event) => {
    const values = Object.fromEntries(controls.map((control) => [control.name, +control.value]));
    values.changed = event?.target.name;
    const said = draw(data, values, stage, form, Math.max(stage.clientWidth, 280));
    for (const control of controls) {
      const output = control.nextElementSibling;
      if (!output) continue;
      output.value = control.dataset.words ? control.dataset.words.split("|")[+control.value] : control.value;
      control.setAttribute("aria-valuetext", output.value);
    }
    stage.querySelector("svg.whole")?.setAttribute("aria-label", said);
    form.querySelector(".said").textContent = said;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  if (form.dataset.replaces) form.previousElementSibling?.querySelector("figure.picture")?.classList.add("still");
  show();
  window.addEventListener("resize", show);
}

// Set the end of a range whose end depends on another control, and keep the value within it.
function limit(form, values, name, most) {
  const control = form.elements[name];
  control.max = most;
  values[name] = +control.value;
}

explorers.toy = (data, values, stage, form, wide) => {
  limit(form, values, "stride", values.pool);
  limit(form, values, "phase", values.stride - 1);
  const { pattern, distance, pool, stride, width, phase } = values;
  const widths = form.elements.width.max;
  const found = data.settings[`${pool} ${stride}`];
  const place = width * data.names.length + distance;
  const names = data.names[distance];
  const like = data.texts[found.like[3 * place + pattern]];
  const features = data.features[names[pattern]];

  const lit = features.map(([channel, offset]) => {
    const at = 2 * (phase + offset);
    return { channel, at: phase + offset, first: found.bins[at], last: found.bins[at + 1] };
  });
  const first = Math.min(...lit.map((each) => each.first));
  const last = Math.max(...lit.map((each) => each.last));
  // The frame of the drawing holds every phase, so that the pattern moves and the bins stand still.
  const offsets = features.map(([, offset]) => offset);
  const begin = found.bins[2 * Math.min(...offsets)];
  const end = found.bins[2 * (stride - 1 + Math.max(...offsets)) + 1];
  const left = Math.min(begin * stride, 0) - 0.5;
  const right = Math.max(end * stride + pool, stride + names[pattern].length) + 0.5;
  const unit = Math.min(30, (wide - 80) / (right - left));
  const x = (position) => 78 + (position - left) * unit;
  const size = Math.max(10, Math.min(16, unit * 1.4));
  let shapes = "";
  for (const [y, row] of [[19, "sequence"], [45, "GTG map"], [61, "CAC map"], [79, "windows"], [100, "GTG bins"], [118, "CAC bins"]])
    shapes += shape("text", { x: 70, y, "text-anchor": "end", "font-size": 13, class: "row" }, row);
  for (const { channel, at } of lit)
    shapes += shape("rect", { class: `part${channel}`, x: x(at - 1), y: 4, width: 3 * unit, height: 20, opacity: 0.3 });
  [...names[pattern]].forEach((letter, n) => {
    shapes += shape("text", { x: x(phase + n + 0.5), y: 19, "text-anchor": "middle", "font-size": size }, letter);
  });
  for (const { channel, at } of lit)
    shapes += shape("rect", { class: `part${channel}`, x: x(at), y: 34 + 16 * channel, width: unit, height: 12 });
  for (let bin = begin; bin <= end; bin++) {
    const cell = { x: x(bin * stride) + 0.5, width: Math.max(stride * unit - 1, 0.5), height: 15 };
    shapes += shape("rect", { class: "window", x: x(bin * stride) + 0.5, y: 70 + 4 * (((bin % 3) + 3) % 3), width: pool * unit - 1, height: 2 });
    for (const channel of [0, 1]) {
      const on = lit.some((each) => each.channel === channel && each.first <= bin && bin <= each.last);
      shapes += shape("rect", { class: on ? `part${channel}` : "dark", y: 88 + 18 * channel, ...cell });
    }
  }
  const bins = width < widths ? width + 1 : last - first + 1;
  shapes += shape("rect", { class: "sees", x: x(first * stride) - 1, y: 85, width: bins * stride * unit + 2, height: 39 });
  stage.innerHTML = picture(wide, 128, shapes);
  stage.onpointerdown = stage.onpointermove = (event) => {
    if (!event.buttons) return;
    const box = stage.getBoundingClientRect();
    const position = Math.round((((event.clientX - box.left) * wide) / box.width - 78) / unit + left - names[pattern].length / 2);
    form.elements.phase.value = Math.min(Math.max(position, 0), stride - 1);
    form.dispatchEvent(new Event("input"));
  };

  const known = [...like].filter((mask) => +mask === 1 << pattern).length;
  const others = names.filter((_, n) => n !== pattern && +like[phase] & (1 << n));
  const now = others.length ? `In this phase it may as well be ${others.join(" or ")}.` : "In this phase it is known.";
  const of = found.bits[widths * data.names.length + distance].toFixed(2);
  return (
    `${names[pattern]} is known in ${known} of ${stride} phases. ${now} ` +
    `Bits about which of the three it is: ${found.bits[place].toFixed(2)} through the filter, ${of} in the map.`
  );
};

// A filter as a card of a list: its logo, as wide as its share of the widest, and what is said of it, which is markup.
function card(heights, widest, number, said, matches) {
  const columns = heights.length / 4;
  const drawn = { viewBox: `0 0 ${10 * columns} 41`, style: `width:${(100 * columns) / widest}%`, "aria-hidden": true };
  return `<li class="${matches ? "" : "no"}">${shape("svg", drawn, logoShapes(heights))}<span>${number}: ${said}</span></li>`;
}

const meter = (kind, share) => `<label>${kind} <meter min="0" max="1" value="${share}"></meter> <b>${share}</b></label>`;

explorers.filters = (data, { layer, trial, step, whole }, stage) => {
  const run = data.layers[layer][trial];
  const widest = Math.max(...run.filters.map(([heights, , width]) => (whole ? heightsOf(heights).length / 4 : width)));
  const cards = run.filters.map(([text, begin, width, match, relevant, best, factor], number) => {
    const heights = whole ? heightsOf(text) : heightsOf(text).slice(4 * begin, 4 * (begin + width));
    const said = step >= relevant ? `<strong>${escaped(factor)}</strong>` : step >= match ? escaped(best) : "no match";
    return card(heights, widest, number, said, step >= match);
  });
  const shares = run.shares[step];
  const kinds = ["match JASPAR", "match another than Gmeb1", "match a relevant motif"];
  const meters = kinds.map((kind, n) => meter(kind, shares[n]));
  stage.innerHTML = `<div class="meters">${meters.join("")}</div><ul class="logos">${cards.join("")}</ul><a href="${run.page}">The page of this run</a>`;
  const count = (share) => Math.round(share * run.filters.length);
  return `Of ${run.filters.length} filters ${count(shares[0])} match a motif of JASPAR, ${count(shares[1])} another than Gmeb1, ${count(shares[2])} a relevant one.`;
};

explorers.epochs = (data, values, stage, form, wide) => {
  const run = data.runs[values.network];
  const last = Math.max(...data.runs.map((each) => each.epoch.length)) - 1;
  limit(form, values, "step", run.epoch.length - 1);
  form.elements.step.dataset.words = run.epoch.join("|");
  const { step } = values;
  const cards = run.filters[step].map(([text, factor, matches], number) => {
    const heights = heightsOf(text);
    const said = factor ? `<strong>${escaped(factor)}</strong>` : matches ? "another motif" : "no match";
    return card(heights, heights.length / 4, number, said, matches);
  });
  const x = (place) => 30 + (place * (wide - 48)) / last;
  const y = (value) => 104 - 92 * value;
  const line = (kind, numbers) => shape("path", { class: kind, d: `M${numbers.map((value, n) => `${x(n)} ${y(value)}`).join("L")}` });
  const relevant = (each) => each.shares.map((shares) => shares[1]);
  let shapes = shape("path", { class: "axis", d: `M30 8V104H${wide - 10}` });
  for (const tick of [0, 1]) shapes += shape("text", { x: 24, y: y(tick) + 4, "text-anchor": "end", "font-size": 12 }, tick);
  run.epoch.forEach((epoch, n) => {
    shapes += shape("text", { x: x(n), y: 120, "text-anchor": "middle", "font-size": 12 }, epoch);
  });
  for (const each of data.runs) if (each !== run) shapes += line("curve", relevant(each));
  shapes += line("line one", relevant(run)) + line("line two", run.loss);
  shapes += shape("path", { class: "now", d: `M${x(step)} 8V104` });
  const [jaspar, share] = run.shares[step];
  const meters = meter("match JASPAR", jaspar) + meter("match a relevant motif", share);
  stage.innerHTML = `${picture(wide, 124, shapes)}<div class="meters">${meters}</div><ul class="logos">${cards.join("")}</ul><a href="${run.page}">The page of this run</a>`;
  const when = run.epoch[step] ? `After epoch ${run.epoch[step]}` : "Before training";
  const count = (found) => Math.round(found * cards.length);
  return (
    `${when} the loss is ${run.loss[step]}. Of ${cards.length} filters ${count(jaspar)} match a motif of JASPAR, ` +
    `${count(share)} a relevant one; a filter holds ${run.bits[step]} bits on average.`
  );
};

// Fields of three neighbouring neurons of each layer, the first layer below; returns the shapes and their height.
function drawFields(data, shown, wide) {
  const left = 50;
  const high = 48 * shown.length;
  const lowest = Math.min(0, ...shown.map(([, row]) => row[2]));
  const highest = Math.max(data.length, ...shown.map(([, [size, jump, begin, n]]) => begin + (n - 1) * jump + size));
  const x = (position) => left + ((position - lowest) * (wide - left - 4)) / (highest - lowest);
  let shapes = shape("rect", { class: "dark", x: x(0), y: 4, width: x(data.length) - x(0), height: high + 4 });
  [...shown].reverse().forEach(([name, [size, jump, begin, n, uncertainty]], level) => {
    const y = 12 + 48 * level;
    shapes += shape("text", { x: 0, y: y + 20, "font-size": 13 }, name);
    const middle = Math.floor(n / 2);
    for (const neuron of [middle - 1, middle + 1, middle].filter((each) => each >= 0 && each < n)) {
      const at = begin + neuron * jump;
      const mine = neuron === middle;
      const bar = { x: x(at), y: y + 9 * (neuron - middle + 1), width: x(at + size) - x(at), height: 8 };
      shapes += shape("rect", { class: mine ? "field" : "field beside", ...bar });
      if (!mine) continue;
      const centre = x(at + size / 2);
      const open = x(uncertainty) - x(0);
      shapes += shape("rect", { class: "open", x: centre - open / 2, y: y + 30, width: open, height: 5 });
    }
  });
  for (const [n, motif] of data.motifs.entries())
    shapes += shape("rect", { class: "motif", x: x(0), y: high + 14 + 8 * n, width: x(motif) - x(0), height: 5 });
  shapes += shape("text", { x: x(data.motifs[1]) + 6, y: high + 25, "font-size": 12 }, `motifs of ${data.motifs.join(" and ")} positions`);
  return [shapes, high + 34];
}

// A network as a list of layers, and back; nothing where it is none of the plan that the controls have.
const PLAN = ["filter", "pool", "stride", "taps", "dilation", "pool_2", "taps_3", "dilation_3"];
const dilated = (taps, dilation) => `conv${taps}${dilation > 1 ? `d${dilation}` : ""}`;
const listOf = ([filter, pool, stride, taps, dilation, pool2, taps3, dilation3]) =>
  [`conv${filter}`, `pool${pool}${stride < pool ? `s${stride}same` : ""}`, dilated(taps, dilation)]
    .concat(pool2 > 1 ? `pool${pool2}` : [], taps3 ? dilated(taps3, dilation3) : [])
    .join(" ");

function numbersOf(text) {
  const conv = String.raw`conv(\d+)(?:d(\d+))?`;
  const plan = new RegExp(String.raw`^conv(\d+)\s+pool(\d+)(?:s(\d+)same)?\s+${conv}(?:\s+pool(\d+))?(?:\s+${conv})?$`);
  const found = text.trim().toLowerCase().match(plan);
  if (!found || +found[3] >= +found[2]) return null;
  const [, filter, pool, stride = pool, taps, dilation = 1, pool2 = 1, taps3 = 0, dilation3 = 1] = found;
  return [filter, pool, stride, taps, dilation, pool2, taps3, dilation3].map(Number);
}

// The fields of the layers of a network: those of the first, and what each further layer adds, by what it stands on.
function fieldsOf(data, [filter, pool, stride, taps, dilation, pool2, taps3, dilation3]) {
  const shown = [["conv1", data.first[filter]]];
  const add = (name, ...window) => {
    const [size, jump, begin, n, uncertainty] = shown.at(-1)[1];
    const below = name.startsWith("pool") ? `pool ${n} ${jump}` : `conv ${jump}`;
    const [more, before, moves = jump, neurons = n, blurs = 0] = data.steps[`${below} ${window.join(" ")}`];
    shown.push([name, [size + more, moves, begin + before, neurons, uncertainty + blurs]]);
  };
  add("pool1", pool, stride);
  add("conv2", taps, dilation);
  if (pool2 > 1) add("pool2", pool2, pool2);
  if (taps3) add("conv3", taps3, dilation3);
  return shown;
}

// What the controls of a network stand for; a network that was chosen, or typed, sets them.
function network(data, values, form) {
  const controls = form.elements;
  const of = (name) => (name === "stride" ? data.strides[+controls.pool.value] : data.values[name]);
  const set = (name, value) => {
    controls[name].max = of(name).length - 1;
    controls[name].value = of(name).indexOf(value);
  };
  const neurons = (numbers) => fieldsOf(data, [...numbers.slice(0, 5), 1, 0, 1]).at(-1)[1][3];
  const typed = values.changed === "layers" && numbersOf(controls.layers.value);
  const strides = typed && (data.strides[data.values.pool.indexOf(typed[1])] ?? []);
  const known = typed && typed.every((value, n) => (n === 2 ? strides : data.values[PLAN[n]]).includes(value)) && typed[5] <= neurons(typed);
  if (known) typed.forEach((value, n) => set(PLAN[n], value));
  else if (values.changed === "network" && values.network)
    [...data.networks[values.network - 1].slice(0, 5), 1, 0, 1].forEach((value, n) => set(PLAN[n], value));
  else if (values.changed === "pool") set("stride", of("stride").at(-1));
  controls.stride.dataset.words = of("stride").join("|");
  const chosen = () => {
    const found = PLAN.map((name) => of(name)[+controls[name].value]);
    for (const n of [3, 6]) if (found[n] < 2) found[n + 1] = 1;
    return found;
  };
  const room = neurons(chosen());
  controls.pool_2.max = data.values.pool_2.filter((size) => size <= room).length - 1;
  const found = chosen();
  if (values.changed !== "layers") controls.layers.value = listOf(found);
  const [pool2, taps3] = found.slice(5);
  controls.network.value =
    1 + data.networks.findIndex((each) => each.slice(0, 5).join(" ") === found.slice(0, 5).join(" ") && !taps3 && [1, each[5]].includes(pool2));
  const shown = fieldsOf(data, found);
  const said = shown.slice(1).map(
    ([name, [size, jump, , , uncertainty]]) =>
      `A neuron of ${name} sees ${size} positions, ${Math.max(size - jump, 0)} of them with its neighbour, and leaves ${uncertainty} open.`,
  );
  if (values.changed === "layers" && !known)
    said.unshift(`"${controls.layers.value}" cannot be shown here; receptive field prints any network. Still shown: ${listOf(found)}.`);
  return { found, shown, said: said.join(" ") };
}

explorers.fields = (data, values, stage, form, wide) => {
  const { shown, said } = network(data, values, form);
  const [shapes, high] = drawFields(data, shown, wide);
  stage.innerHTML = picture(wide, high, shapes);
  return said;
};

explorers.architecture = (data, values, stage, form, wide) => {
  const { found, shown, said } = network(data, values, form);
  const [filter, ...rest] = found.slice(0, 5);
  const [bits, fraction, low, high, near, ...reasons] = data.expected[rest.join(" ")];
  const why = data.why[reasons[data.values.filter.indexOf(filter)]];
  const x = (value) => 50 + (Math.min(value, data.most) * (wide - 70)) / data.most;
  let [shapes, top] = drawFields(data, shown, wide);
  const y = (value) => top + 210 - 180 * value;
  shapes += shape("path", { class: "axis", d: `M50 ${top + 22}V${top + 210}H${wide - 10}` });
  for (const tick of [0, 0.5, 1]) shapes += shape("text", { x: 44, y: y(tick) + 4, "text-anchor": "end", "font-size": 12 }, tick);
  for (const tick of [0, 0.1, 0.2, 0.3, 0.4, 0.5].filter((each) => each <= data.most))
    shapes += shape("text", { x: x(tick), y: top + 226, "text-anchor": "middle", "font-size": 12 }, tick);
  shapes += shape("text", { x: wide - 10, y: top + 242, "text-anchor": "end", "font-size": 12 }, "bits about the offset of two parts");
  shapes += shape("text", { x: 56, y: top + 22, "font-size": 12 }, "relevant filters");
  shapes += shape("path", { class: "curve", d: `M${data.curve.map(([a, b]) => `${x(a)} ${y(b)}`).join("L")}` });
  data.trained.forEach(([words, at, mean, page, small], n) => {
    const dot = shape("circle", { class: `dot${small ? " hollow" : ""}${n === near ? " near" : ""}`, cx: x(at), cy: y(mean), r: n === near ? 6 : 4 }, shape("title", {}, words));
    shapes += page ? shape("a", { href: page, "aria-label": words }, dot) : dot;
  });
  const place = `${x(+bits)} ${y(+fraction)}`;
  const sure = why ? "unsure" : "sure";
  shapes += shape("path", { class: `reach ${sure}`, d: `M${x(+bits)} ${y(+low)}V${y(+high)}` });
  shapes += shape("path", { class: `diamond ${sure}`, d: `M${place}m-7 0l7 -7l7 7l-7 7z` });
  stage.innerHTML = picture(wide, top + 246, shapes).replace('role="img"', 'role="group"');
  const alike = near < 0 ? "" : ` Most alike of those trained: ${data.trained[near][0]}.`;
  const expect = why
    ? `No prediction: ${why}.`
    : `Expected: ${fraction} of the first filters relevant, ${low} to ${high}.`;
  return `${said} Bits about the offset of two parts: ${bits}. ${expect}${alike}`;
};

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("form.explorer").forEach(start));
