// The page of a map: what is shown of a position is taken from the arrays when it is asked for.
"use strict";

const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("facts").textContent);
const [rows, columns] = facts.shape;
const n = rows * columns;
// Okabe and Ito's and Tol's muted colours, which the colour-blind tell apart.
const KINDS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#999933", "#882255",
  "#44aa99", "#aa4499", "#ddcc77"];
const OTHER = "#8a8f98", NOTHING = "#000000";
const TYPES = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
  f4: Float32Array };
const FONT = { family: "system-ui, sans-serif", size: 13 };
const touch = matchMedia("(pointer: coarse), (max-width: 760px)").matches;  // a finger that scrolls should not zoom
const CONFIG = { responsive: true, displaylogo: false, displayModeBar: !touch, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
const percent = (p) => `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)} %`;
const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
const symbol = (text) => escaped(text).replace(/ /g, ", ").replace(/_(\d)/g, "<sub>$1</sub>").replace(/-(\d)/g, "$1\u0305");

let data, imageOf, chosen, reflection = null;

async function unpacked(id) {
  const text = Uint8Array.from(atob($(id).textContent), (c) => c.charCodeAt(0));
  $(id).remove();
  return new Response(new Blob([text]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function start() {
  $("title").textContent = facts.name;
  if (typeof DecompressionStream === "undefined") {
    $("about").textContent = "This page needs a browser of 2023 or newer.";
    return;
  }
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await unpacked("plotly"));
  document.head.append(script);
  const buffer = await unpacked("arrays");
  data = Object.fromEntries(Object.entries(facts.arrays).map(([name, [kind, place, size]]) =>
    [name, new TYPES[kind](buffer, place, size)]));
  imageOf = new Map(Array.from(data.imaged || [], (position, k) => [position, k]));
  const answered = data.system.reduce((sum, system) => sum + (system >= 0), 0);
  $("about").textContent = `${rows} × ${columns} positions at ${facts.energy} keV; model ${facts.model}: ` +
    `${answered} positions with an answer, ${facts.grains.length} grains, ${facts.phases.length} phases. Click a position for its pattern.`;
  for (const [name, layer] of Object.entries(LAYERS)) {
    if (!layer.hidden) $("layer").add(new Option(layer.title, name));
  }
  for (const id of ["layer", "by", "dim"]) $(id).onchange = drawMap;
  $("brightness").oninput = () => $("pattern").style.setProperty("--brightness", $("brightness").value);
  drawTables();
  chosen = facts.grains.length ? facts.grains[0].brightest : data.darkField.indexOf(Math.max(...data.darkField));
  await drawMap();
  await choose(chosen);
  $("map").on("plotly_click", ({ event }) => choose(positionOf(event)));
  document.addEventListener("keydown", walk);
  document.body.dataset.ready = "yes";
}

// By the mouse's place: the points that plotly tells are those of the last hovering, up to 50 ms ago.
function positionOf({ clientX, clientY }) {
  const { xaxis, yaxis } = $("map")._fullLayout, { left, top } = $("map").getBoundingClientRect();
  const column = Math.round(xaxis.p2d(clientX - left - xaxis._offset));
  const row = Math.round(yaxis.p2d(clientY - top - yaxis._offset));
  return Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
}

function walk(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step || /INPUT|SELECT/.test(event.target.tagName)) return;
  const row = Math.floor(chosen / columns) + step[0], column = chosen % columns + step[1];
  if (row < 0 || column < 0 || row >= rows || column >= columns) return;
  event.preventDefault();
  choose(row * columns + column);
}

// What a position, its grain or its phase answers; null where there is no answer.

function crystalAt(p, by = $("by").value) {
  const grain = facts.grains[data.grain[p]];
  return by === "phase" && grain ? facts.phases[grain.phase] : grain;
}

function answerAt(p, by = $("by").value) {
  if (by !== "position") {
    const crystal = crystalAt(p, by);
    return crystal && crystal.system >= 0 ? crystal : null;
  }
  if (data.system[p] < 0) return null;
  const [best, systems] = [p * facts.best, p * facts.systems.length];
  const part = (name, first, size) => data[name].subarray(first, first + size);
  return { system: data.system[p], pSystem: part("pSystem", systems, facts.systems.length),
    group: part("group", best, facts.best), pGroup: part("pGroup", best, facts.best),
    extinct: part("extinct", best, facts.best), pExtinct: part("pExtinct", best, facts.best) };
}

const confidenceOf = (answer) => answer.pSystem[answer.system] / facts.unit;
const value = (number, digits) => Number.isFinite(number) ? number.toFixed(digits) : "–";

function cellText(grain) {
  const lengths = grain.cell.slice(0, 3).map((v) => value(v, 3)).join(", ");
  return `${grain.bravais} (${percent(grain.lattice)}): ${lengths} Å; ${grain.cell.slice(3).map((v) => value(v, 1)).join(", ")}°`;
}

function phaseText(p) {
  return `${facts.known[data.known[p]]}, score ${(data.score[p] / facts.unit).toFixed(2)}`;
}

// The maps. Of kinds, value() is the name of a kind; of others, a number. Both are null where there is nothing.

const ALL = ["position", "grain", "phase"];
const LAYERS = {
  system: { title: "Crystal system", by: ALL,
    colours: Object.fromEntries(facts.systems.map((system, k) => [system, facts.colours[k]])),
    value: (p) => { const a = answerAt(p); return a && facts.systems[a.system]; },
    text: (p) => { const a = answerAt(p); return `${facts.systems[a.system]}, ${percent(confidenceOf(a))}`; },
    note: "The most probable crystal system. Black: fewer than five spots." },
  confidence: { title: "Confidence", by: ALL, scale: "Cividis", range: [0, 1], unit: "probability",
    value: (p) => { const a = answerAt(p); return a && confidenceOf(a); },
    note: "Calibrated probability of the most probable crystal system." },
  extinction: { title: "Extinction group", by: ALL, symbols: true,
    value: (p) => { const a = answerAt(p); return a && facts.extinction[a.extinct[0]]; },
    text: (p) => { const a = answerAt(p);
      return `${facts.extinction[a.extinct[0]]}, ${percent(a.pExtinct[0] / facts.unit)}`; },
    note: "The most probable group of space groups with the same Laue symmetry and the same absences, named by its members." },
  darkField: { title: "Virtual dark field", scale: "Greys_r", unit: "root of intensity",
    value: (p) => Math.sqrt(data.darkField[p]), text: (p) => `intensity ${data.darkField[p].toPrecision(3)}`,
    note: "Intensity of all Bragg spots that the model is given, in the units of the images." },
  grains: { title: "Grains", kindsOf: (p) => data.grain[p] % KINDS.length, noLegend: true,
    value: (p) => data.grain[p] < 0 ? null : data.grain[p], text: (p) => `grain ${data.grain[p]}`,
    note: "Neighbours whose patterns have the same spots. Colours repeat." },
  cell: { title: "Cell", by: ["grain", "phase"], value: (p) => crystalAt(p)?.bravais ?? null,
    text: (p) => cellText(crystalAt(p)),
    note: "Bravais lattice of the cell of each grain or phase. Point at a position for the cell and how probably it is right." },
  phase: { title: "Known phase", hidden: !facts.known.length, value: (p) => facts.known[data.known[p]] ?? null,
    text: phaseText, note: "The best of the candidate phases, by templates. Black: none has a score that is good enough, or spots are too few." },
  zone: { title: "Zone axis of the known phase", hidden: !facts.known.length,
    value: (p) => data.known[p] < 0 ? null : Array.from(data.zone.subarray(3 * p, 3 * p + 3)), text: phaseText, image: true,
    note: "Red, green and blue are the parts of the zone axis along x, y and z of the crystal (a along x, c* along z), of all equivalent ones the one in the fundamental sector." },
  score: { title: "Score of the known phase", hidden: !facts.known.length, scale: "Cividis", range: [0, 1], unit: "correlation",
    value: (p) => data.known[p] < 0 ? null : data.score[p] / facts.unit, text: phaseText,
    note: "Correlation of the measured and the predicted spots." },
  reflection: { title: "Virtual dark field of a spot", hidden: true, scale: "Greys_r", unit: "root of share of beam",
    value: (p) => Math.sqrt(reflection.image[p]), text: (p) => `${percent(reflection.image[p])} of the beam`,
    note: "" },
};

async function drawMap() {
  const name = $("layer").value, layer = LAYERS[name];
  $("by").parentElement.hidden = !layer.by;
  for (const option of $("by").options) option.disabled = layer.by && !layer.by.includes(option.value);
  if ($("by").selectedOptions[0].disabled) $("by").value = layer.by[0];
  const values = Array.from({ length: n }, (_, p) => layer.value(p));
  const text = values.map((v, p) => hoverText(layer, v, p));
  const trace = { type: "heatmap", text: square(text), hovertemplate: "%{text}<extra></extra>", hoverongaps: true };
  $("legend").replaceChildren();
  if (layer.image) {
    Object.assign(trace, { type: "image", z: square(values.map((v) => v ?? [0, 0, 0])) });
  } else if (layer.scale) {
    Object.assign(trace, { z: square(values), colorscale: layer.scale === "Greys_r" ? [[0, "#000"], [1, "#fff"]] : layer.scale,
      zmin: layer.range?.[0], zmax: layer.range?.[1],
      colorbar: { title: { text: layer.unit, side: "right" }, thickness: 12, len: 0.9, outlinewidth: 0 } });
  } else {
    const { numbers, colours } = kinds(layer, values);
    const steps = colours.flatMap((colour, k) => [[k / colours.length, colour], [(k + 1) / colours.length, colour]]);
    Object.assign(trace, { z: square(numbers), colorscale: steps.length ? steps : undefined, zmin: -0.5,
      zmax: Math.max(colours.length, 1) - 0.5, showscale: false });
  }
  $("mapNote").textContent = layer.note;
  const dim = { type: "heatmap", z: square(values.map((v, p) => $("dim").checked && v !== null && doubtful(p) ? 1 : null)),
    colorscale: [[0, "rgba(0,0,0,0.6)"], [1, "rgba(0,0,0,0.6)"]], showscale: false, hoverinfo: "skip" };
  await Plotly.react("map", [trace, dim, mark()], mapLayout(), CONFIG);
}

const doubtful = (p) => facts.reasons[data.reason[p]] !== "";
const square = (values) => Array.from({ length: rows }, (_, r) => values.slice(r * columns, (r + 1) * columns));

function hoverText(layer, v, p) {
  const reason = facts.reasons[data.reason[p]];
  const what = v === null ? "nothing" : layer.text ? layer.text(p) : typeof v === "number" ? v.toPrecision(3) : v;
  const grain = data.grain[p] < 0 ? "" : `, grain ${data.grain[p]}`;
  return `<b>${escaped(what)}</b><br>row ${Math.floor(p / columns)}, column ${p % columns}${grain}` +
    `<br>${data.spots[p]} spots` + (reason ? `<br>${v === null ? "" : "not reliable: "}${wrapped(escaped(reason))}` : "");
}

const wrapped = (text) => text.replace(/(.{40}\S*) /g, "$1<br>");

// Numbers and colours of kinds, the frequent ones first; a legend tells their shares.
function kinds(layer, values) {
  if (layer.kindsOf) return { numbers: values.map((v, p) => v === null ? null : layer.kindsOf(p)), colours: KINDS };
  const counts = new Map();
  values.forEach((v) => v !== null && counts.set(v, (counts.get(v) || 0) + 1));
  const names = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const colours = names.map((name, k) => layer.colours ? layer.colours[name] : KINDS[k] || OTHER);
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const told = layer.colours ? names.length : KINDS.length;
  const rest = names.slice(told).reduce((sum, name) => sum + counts.get(name), 0);
  names.slice(0, told).forEach((name, k) =>
    legend(colours[k], layer.symbols ? symbol(name) : escaped(name), counts.get(name), all));
  if (rest) legend(OTHER, "others", rest, all);
  if (all < n) legend(NOTHING, "none", n - all, 0);
  const number = new Map(names.map((name, k) => [name, k]));
  return { numbers: values.map((v) => v === null ? null : number.get(v)), colours };
}

function legend(colour, name, count, all) {
  const item = document.createElement("li");
  item.innerHTML = `<i style="background:${colour}"></i>${name} <span class="note">${count}` +
    (all ? `, ${percent(count / all)}` : "") + "</span>";
  $("legend").append(item);
}

function mark() {
  const [x, y] = [chosen % columns, Math.floor(chosen / columns)], size = Math.max(9, 420 / Math.max(rows, columns));
  return { type: "scatter", mode: "markers", x: [x, x], y: [y, y], hoverinfo: "skip", showlegend: false,
    marker: { symbol: "square-open", size, color: ["#000", "#fff"], line: { width: [6, 2.5] } } };
}

function mapLayout() {
  const axis = (size, title) => ({ title: { text: title, standoff: 4 }, constrain: "domain", range: [-0.5, size - 0.5],
    showgrid: false, zeroline: false, ticks: "outside" });
  return { margin: { l: 48, r: 8, t: touch ? 8 : 30, b: 42 }, plot_bgcolor: NOTHING, font: FONT, dragmode: touch ? false : "zoom",
    uirevision: "map", xaxis: axis(columns, "column (probe position)"),
    yaxis: { ...axis(rows, "row (probe position)"), range: [rows - 0.5, -0.5], scaleanchor: "x" } };
}

// A position: its pattern, and what is said of it.

async function choose(p) {
  chosen = p;
  const grain = data.grain[p];
  $("where").textContent = `row ${Math.floor(p / columns)}, column ${p % columns}` + (grain < 0 ? "" : `, grain ${grain}`);
  document.body.dataset.chosen = p;
  for (const [id, number] of [["grains", grain], ["phases", facts.grains[grain]?.phase]]) {
    document.querySelectorAll(`#${id} tbody tr`).forEach((row, k) => row.classList.toggle("chosen", k === number));
  }
  drawAnswers(p);
  const shown = mark();
  await Promise.all([Plotly.restyle("map", { x: [shown.x], y: [shown.y] }, [2]), drawPattern(p)]);
}

function spotsOf(p) {
  const spots = [];
  for (let s = data.offset[p]; s < data.offset[p + 1]; s++) {
    const [x, y] = [data.q[2 * s], data.q[2 * s + 1]].map((v) => v / 32767 * facts.farthest);
    const hkl = [data.hkl[3 * s], data.hkl[3 * s + 1], data.hkl[3 * s + 2]];
    spots.push({ x, y, share: 10 ** (-data.share[s] / facts.decade), used: data.used[s] === 1, hkl: hkl.some(Boolean) ? hkl : null });
  }
  return spots;
}

async function imageAt(p) {
  const { tile: [height, width], size, columns: across } = facts.images;
  const k = imageOf.get(p), place = k % (across * across);
  const sheet = data[`sheet${Math.floor(k / (across * across))}`];
  const bitmap = await createImageBitmap(new Blob([sheet], { type: "image/jpeg" }), (place % across) * width,
    Math.floor(place / across) * height, size[1], size[0]);
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = size;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL();
}

async function drawPattern(p) {
  const [qy, qx] = facts.pixel, [height, width] = facts.frame;
  const left = (-0.5 - data.centre[2 * p]) * qx, top = (-0.5 - data.centre[2 * p + 1]) * qy;
  const source = imageOf.has(p) ? await imageAt(p) : null;
  if (p !== chosen) return;  // another one was clicked meanwhile
  const [down, across] = source ? facts.images.size.map((size) => size * facts.images.binned) : [height, width];
  const images = source ? [{ source, xref: "x", yref: "y", x: left, y: top, sizex: across * qx, sizey: down * qy,
    sizing: "stretch", layer: "below" }] : [];
  const spots = spotsOf(p);
  const indexed = spots.filter((spot) => spot.hkl), found = spots.filter((spot) => !spot.hkl && spot.used);
  const faint = spots.filter((spot) => !spot.hkl && !spot.used);
  const traces = [drawn(faint, "faint, left out", "#9aa3ad", 8, !source), drawn(found, "found", "#56b4e9", 15, !source),
    drawn(indexed, "indexed", "#ffb000", 15, !source),
    { x: [0], y: [0], mode: "markers", name: "direct beam", hoverinfo: "name", marker: { symbol: "cross-thin", size: 11,
      line: { width: 2, color: "#ff5c5c" } } }];
  const axis = (title) => ({ title: { text: title, standoff: 4 }, constrain: "domain", showgrid: false, zeroline: false, ticks: "outside" });
  await Plotly.react("pattern", traces, { images, margin: { l: 48, r: 8, t: 30, b: 42 }, plot_bgcolor: NOTHING, font: FONT,
    dragmode: touch ? false : "zoom", hovermode: "closest", uirevision: "pattern",
    legend: { orientation: "h", y: 1.01, yanchor: "bottom", x: 0, bgcolor: "#fff" },
    xaxis: { ...axis("q<sub>x</sub> (1/Å)"), range: [left, left + width * qx] },
    yaxis: { ...axis("q<sub>y</sub> (1/Å)"), range: [top + height * qy, top], scaleanchor: "x" } }, CONFIG);
  if (!$("pattern").dataset.listens) {
    $("pattern").on("plotly_click", ({ points }) => points[0].data.name === "direct beam" || darkFieldOf(points[0].x, points[0].y));
    $("pattern").dataset.listens = "yes";
  }
  $("patternNote").textContent = (source ? "Logarithmic grey scale, the same in all patterns. " :
    imageOf.size ? `No image of this position is in this page, which has ${imageOf.size} of ${n}; its spots are drawn. ` :
      "There are no images of this scan; spots are drawn. ") + "Point at a spot for its indices; click it for its dark field.";
}

function drawn(spots, name, colour, size, full) {
  const labelled = new Set([...spots].sort((a, b) => b.share - a.share).slice(0, 8));
  const text = spots.map((spot) => spot.hkl && labelled.has(spot) ? spot.hkl.map((h) => h < 0 ? `${-h}\u0305` : h).join(spot.hkl.some((h) => Math.abs(h) > 9) ? " " : "") : "");
  const about = spots.map((spot) => (spot.hkl ? `<b>${spot.hkl.join(" ")}</b><br>` : "") + `d = ${(1 / Math.hypot(spot.x, spot.y)).toFixed(3)} Å` +
    `<br>q = ${spot.x.toFixed(3)}, ${spot.y.toFixed(3)} 1/Å<br>${(100 * spot.share).toPrecision(2)} % of the beam`);
  return { x: spots.map((spot) => spot.x), y: spots.map((spot) => spot.y), mode: "markers+text", name, text, textposition: "top center",
    textfont: { color: colour, size: 12 }, customdata: about, hovertemplate: "%{customdata}<extra></extra>",
    marker: { symbol: full ? "circle" : "circle-open", color: colour, line: { width: 2, color: colour },
      size: full ? spots.map((spot) => Math.max(4, 20 + 5 * Math.log10(spot.share))) : size } };
}

// The intensity at every position of the spots near one place in reciprocal space.
function darkFieldOf(x, y) {
  const near = 1.5 * Math.max(...facts.pixel), image = new Float32Array(n);
  for (let p = 0; p < n; p++) {
    for (let s = data.offset[p]; s < data.offset[p + 1]; s++) {
      const dx = data.q[2 * s] / 32767 * facts.farthest - x, dy = data.q[2 * s + 1] / 32767 * facts.farthest - y;
      if (Math.hypot(dx, dy) <= near) image[p] += 10 ** (-data.share[s] / facts.decade);
    }
  }
  reflection = { image };
  LAYERS.reflection.note = `Intensity of the spots within ${near.toFixed(3)} 1/Å of (${x.toFixed(3)}, ${y.toFixed(3)}), d = ${(1 / Math.hypot(x, y)).toFixed(3)} Å.`;
  if (!$("layer").querySelector("[value=reflection]")) $("layer").add(new Option(LAYERS.reflection.title, "reflection"));
  $("layer").value = "reflection";
  drawMap();
}

function bars(title, names, values, colours) {
  const rows = names.map((name, k) => [name, values[k] / facts.unit, colours ? colours[k] : "#5b7fa6"]).filter((row) => row[1] >= 0.005);
  return `<h3>${title}</h3><div class="bars">` + rows.map(([name, p, colour]) => `<span class="name">${symbol(name)}</span>` +
    `<span class="track"><i style="width:${100 * p}%;background:${colour}"></i></span><span class="value">${percent(p)}</span>`).join("") + "</div>";
}

function answerText(title, answer) {
  if (!answer) return `<h2>${title}</h2><p class="note">no answer</p>`;
  const order = [...answer.pSystem.keys()].sort((a, b) => answer.pSystem[b] - answer.pSystem[a]).slice(0, 4);
  const of = (list) => order.map((k) => list[k]);
  return `<h2>${title}</h2>` + bars("Crystal system", of(facts.systems), of(answer.pSystem), of(facts.colours)) +
    bars("Space group", [...answer.group].map((g) => facts.groups[g]), answer.pGroup) +
    bars("Extinction group", [...answer.extinct].slice(0, 2).map((g) => facts.extinction[g]), answer.pExtinct);
}

function drawAnswers(p) {
  const grain = facts.grains[data.grain[p]], reason = facts.reasons[data.reason[p]];
  let text = answerText("This position", answerAt(p, "position"));
  if (reason && data.system[p] >= 0) text += `<p class="warning">Not reliable, unlike what the model was trained on: ${escaped(reason)}</p>`;
  else if (reason) text += `<p class="note">${escaped(reason)}</p>`;
  if (facts.known.length) text += knownText(p);
  if (grain) {
    text += answerText(`Grain ${data.grain[p]}, ${grain.positions} positions`, answerAt(p, "grain")) + cellTable(grain);
    const phase = facts.phases[grain.phase];
    if (phase.grains.length > 1) {
      text += answerText(`Phase ${grain.phase}, ${phase.grains.length} grains`, answerAt(p, "phase")) + cellTable(phase);
    }
  } else {
    text += '<p class="note">This position is of no grain.</p>';
  }
  $("answers").innerHTML = text;
}

function knownText(p) {
  const title = "<h3>Known phase, by templates</h3>";
  if (data.known[p] < 0) return `${title}<p class="note">no match</p>`;
  const angles = Array.from(data.euler.subarray(3 * p, 3 * p + 3), (v) => v.toFixed(1));
  const share = (name) => (data[name][p] / facts.unit).toFixed(2);
  return `${title}<table><tr><th>${escaped(facts.known[data.known[p]])}</th><td>score ${share("score")}</td></tr>` +
    `<tr><td>φ<sub>1</sub>, Φ, φ<sub>2</sub></td><td>${angles.join(", ")}°</td></tr>` +
    `<tr><td>reliability</td><td>phase ${share("phaseReliability")}, orientation ${share("reliability")}</td></tr></table>`;
}

// 4.078(5): the standard deviation in units of the last digit.
function withError(number, error, most) {
  if (!(error > 0)) return number.toFixed(most);  // bound by the symmetry
  const digits = Math.min(most, Math.max(0, 1 - Math.floor(Math.log10(error))));
  return `${number.toFixed(digits)}(${Math.round(error * 10 ** digits)})`;
}

function cellTable(crystal) {
  if (!crystal.bravais) return '<h3>Cell</h3><p class="note">none found</p>';
  const cell = (k) => withError(crystal.cell[k], crystal.error[k], k < 3 ? 4 : 2);
  return `<h3>Cell</h3><table><tr><th>${crystal.bravais}</th><td>a ${cell(0)} Å</td><td>α ${cell(3)}°</td></tr><tr><td></td><td>b ${cell(1)} Å</td>` +
    `<td>β ${cell(4)}°</td></tr><tr><td></td><td>c ${cell(2)} Å</td><td>γ ${cell(5)}°</td></tr></table>` +
    `<p class="note">Probability that the lattice is right: ${percent(crystal.lattice)}</p>`;
}

// Columns that phases and grains have in common: a head, whether it is a number, and the text.
const SAID = [
  ["crystal system", false, (c) => c.system < 0 ? "–" : facts.systems[c.system]],
  ["probability", true, (c) => c.system < 0 ? "–" : percent(confidenceOf(c))],
  ["space group", false, (c) => c.system < 0 ? "–" : symbol(facts.groups[c.group[0]])],
  ["lattice", false, (c) => c.bravais || "–"],
  ["a, b, c (Å)", false, (c) => c.bravais ? c.cell.slice(0, 3).map((v) => v.toFixed(3)).join(", ") : "–"],
  ["α, β, γ (°)", false, (c) => c.bravais ? c.cell.slice(3).map((v) => v.toFixed(1)).join(", ") : "–"],
  ["probability", true, (c) => c.bravais ? percent(c.lattice) : "–"],
];

function drawTables() {
  const known = facts.known.length ? [["known phase", false, (c) => c.known ? `${escaped(c.known)} (${c.share.toFixed(0)} %)` : "–"]] : [];
  table("phases", facts.phases, [["phase", false], ["grains", true, (c) => c.grains.length],
    ["positions", true, (c) => c.grains.reduce((sum, g) => sum + facts.grains[g].positions, 0)], ...SAID],
    (phase) => facts.grains[phase.grains[0]].brightest);
  table("grains", facts.grains, [["grain", false], ["phase", true, (c) => c.phase], ["positions", true, (c) => c.positions], ...SAID, ...known],
    (grain) => grain.brightest);
}

// A row for each crystal; a click on it shows a position of it.
function table(id, crystals, columns, positionIn) {
  const cell = (tag, number, text) => `<${tag}${number ? ' class="number"' : ""}>${text}</${tag}>`;
  const head = columns.map(([name, number]) => cell("th", number, name)).join("");
  const body = crystals.map((crystal, k) => "<tr>" + columns.map(([, number, text]) =>
    cell("td", number, text ? text(crystal) : `<button type="button">${k}</button>`)).join("") + "</tr>").join("");
  $(id).innerHTML = `<thead><tr>${head}</tr></thead><tbody>${body}</tbody>`;
  document.querySelectorAll(`#${id} tbody tr`).forEach((row, k) => { row.onclick = () => choose(positionIn(crystals[k])); });
}

start();
