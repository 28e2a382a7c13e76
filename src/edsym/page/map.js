// The map: one of the layers, drawn, with its legend and the chosen position.

async function drawMap() {
  const name = $("layer").value,
    layer = LAYERS[name];
  $("by").parentElement.hidden = !layer.by;
  for (const option of $("by").options) option.disabled = layer.by && !layer.by.includes(option.value);
  if ($("by").selectedOptions[0].disabled) $("by").value = layer.by[0];
  const values = Array.from({ length: n }, (_, p) => layer.value(p));
  const text = values.map((v, p) => hoverText(layer, v, p));
  const trace = {
    type: "heatmap",
    text: square(text),
    hovertemplate: "%{text}<extra></extra>",
    hoverongaps: true,
  };
  $("legend").replaceChildren();
  if (layer.image) {
    Object.assign(trace, { type: "image", z: square(values.map((v) => v ?? [0, 0, 0])) });
  } else if (layer.scale) {
    Object.assign(trace, {
      z: square(values),
      colorscale:
        layer.scale === "Greys_r"
          ? [
              [0, "#000"],
              [1, "#fff"],
            ]
          : layer.scale,
      zmin: layer.range?.[0],
      zmax: layer.range?.[1],
      colorbar: { title: { text: layer.unit, side: "right" }, thickness: 12, len: 0.9, outlinewidth: 0 },
    });
  } else {
    const { numbers, colours } = kinds(layer, values);
    const steps = colours.flatMap((colour, k) => [
      [k / colours.length, colour],
      [(k + 1) / colours.length, colour],
    ]);
    Object.assign(trace, {
      z: square(numbers),
      colorscale: steps.length ? steps : undefined,
      zmin: -0.5,
      zmax: Math.max(colours.length, 1) - 0.5,
      showscale: false,
    });
  }
  $("mapNote").textContent = layer.note;
  const dim = {
    type: "heatmap",
    z: square(values.map((v, p) => ($("dim").checked && v !== null && doubtful(p) ? 1 : null))),
    colorscale: [
      [0, "rgba(0,0,0,0.6)"],
      [1, "rgba(0,0,0,0.6)"],
    ],
    showscale: false,
    hoverinfo: "skip",
  };
  await Plotly.react("map", [trace, dim, mark()], mapLayout(), CONFIG);
}

const doubtful = (p) => facts.reasons[data.reason[p]] !== "";
const square = (values) =>
  Array.from({ length: rows }, (_, r) => values.slice(r * columns, (r + 1) * columns));

function hoverText(layer, v, p) {
  const reason = facts.reasons[data.reason[p]];
  const what =
    v === null ? "nothing" : layer.text ? layer.text(p) : typeof v === "number" ? v.toPrecision(3) : v;
  const grain = data.grain[p] < 0 ? "" : `, grain ${data.grain[p]}`;
  return (
    `<b>${escaped(what)}</b><br>row ${Math.floor(p / columns)}, column ${p % columns}${grain}` +
    `<br>${data.spots[p]} spots` +
    (reason ? `<br>${v === null ? "" : "not reliable: "}${wrapped(escaped(reason))}` : "")
  );
}

const wrapped = (text) => text.replace(/(.{40}\S*) /g, "$1<br>");

// Numbers and colours of kinds, the frequent ones first; a legend tells their shares.
function kinds(layer, values) {
  if (layer.kindsOf)
    return { numbers: values.map((v, p) => (v === null ? null : layer.kindsOf(p))), colours: KINDS };
  const counts = new Map();
  values.forEach((v) => v !== null && counts.set(v, (counts.get(v) || 0) + 1));
  const names = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const colours = names.map((name, k) => (layer.colours ? layer.colours[name] : KINDS[k] || OTHER));
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const told = layer.colours ? names.length : KINDS.length;
  const rest = names.slice(told).reduce((sum, name) => sum + counts.get(name), 0);
  names
    .slice(0, told)
    .forEach((name, k) =>
      legend(colours[k], layer.symbols ? symbol(name) : escaped(name), counts.get(name), all),
    );
  if (rest) legend(OTHER, "others", rest, all);
  if (all < n) legend(NOTHING, "none", n - all, 0);
  const number = new Map(names.map((name, k) => [name, k]));
  return { numbers: values.map((v) => (v === null ? null : number.get(v))), colours };
}

function legend(colour, name, count, all) {
  const item = document.createElement("li");
  item.innerHTML =
    `<i style="background:${colour}"></i>${name} <span class="note">${count}` +
    (all ? `, ${percent(count / all)}` : "") +
    "</span>";
  $("legend").append(item);
}

function mark() {
  const [x, y] = [chosen % columns, Math.floor(chosen / columns)],
    size = Math.max(9, 420 / Math.max(rows, columns));
  return {
    type: "scatter",
    mode: "markers",
    x: [x, x],
    y: [y, y],
    hoverinfo: "skip",
    showlegend: false,
    marker: { symbol: "square-open", size, color: ["#000", "#fff"], line: { width: [6, 2.5] } },
  };
}

function mapLayout() {
  const axis = (size, title) => ({
    title: { text: title, standoff: 4 },
    constrain: "domain",
    range: [-0.5, size - 0.5],
    showgrid: false,
    zeroline: false,
    ticks: "outside",
  });
  return {
    margin: { l: 48, r: 8, t: touch ? 8 : 30, b: 42 },
    plot_bgcolor: NOTHING,
    font: FONT,
    dragmode: touch ? false : "zoom",
    uirevision: "map",
    xaxis: axis(columns, "column (probe position)"),
    yaxis: { ...axis(rows, "row (probe position)"), range: [rows - 0.5, -0.5], scaleanchor: "x" },
  };
}
