// The pattern of the chosen position, and dark fields of its spots.

async function choose(p) {
  chosen = p;
  const grain = data.grain[p];
  $("where").textContent =
    `row ${Math.floor(p / columns)}, column ${p % columns}` + (grain < 0 ? "" : `, grain ${grain}`);
  document.body.dataset.chosen = p;
  for (const [id, number] of [
    ["grains", grain],
    ["phases", facts.grains[grain]?.phase],
  ]) {
    document
      .querySelectorAll(`#${id} tbody tr`)
      .forEach((row, k) => row.classList.toggle("chosen", k === number));
  }
  drawAnswers(p);
  const shown = mark();
  await Promise.all([Plotly.restyle("map", { x: [shown.x], y: [shown.y] }, [2]), drawPattern(p)]);
}

function spotsOf(p) {
  const spots = [];
  for (let s = data.offset[p]; s < data.offset[p + 1]; s++) {
    const [x, y] = [data.q[2 * s], data.q[2 * s + 1]].map((v) => (v / 32767) * facts.farthest);
    const hkl = [data.hkl[3 * s], data.hkl[3 * s + 1], data.hkl[3 * s + 2]];
    spots.push({
      x,
      y,
      share: 10 ** (-data.share[s] / facts.decade),
      used: data.used[s] === 1,
      hkl: hkl.some(Boolean) ? hkl : null,
    });
  }
  return spots;
}

async function imageAt(p) {
  const {
    tile: [height, width],
    size,
    columns: across,
  } = facts.images;
  const k = imageOf.get(p),
    place = k % (across * across);
  const sheet = data[`sheet${Math.floor(k / (across * across))}`];
  const bitmap = await createImageBitmap(
    new Blob([sheet], { type: "image/jpeg" }),
    (place % across) * width,
    Math.floor(place / across) * height,
    size[1],
    size[0],
  );
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = size;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL();
}

async function drawPattern(p) {
  const [qy, qx] = facts.pixel,
    [height, width] = facts.frame;
  const left = (-0.5 - data.centre[2 * p]) * qx,
    top = (-0.5 - data.centre[2 * p + 1]) * qy;
  const source = imageOf.has(p) ? await imageAt(p) : null;
  if (p !== chosen) return; // another one was clicked meanwhile
  const [down, across] = source
    ? facts.images.size.map((size) => size * facts.images.binned)
    : [height, width];
  const images = source
    ? [
        {
          source,
          xref: "x",
          yref: "y",
          x: left,
          y: top,
          sizex: across * qx,
          sizey: down * qy,
          sizing: "stretch",
          layer: "below",
        },
      ]
    : [];
  const spots = spotsOf(p);
  const indexed = spots.filter((spot) => spot.hkl),
    found = spots.filter((spot) => !spot.hkl && spot.used);
  const faint = spots.filter((spot) => !spot.hkl && !spot.used);
  const traces = [
    drawn(faint, "faint, left out", "#9aa3ad", 8, !source),
    drawn(found, "found", "#56b4e9", 15, !source),
    drawn(indexed, "indexed", "#ffb000", 15, !source),
    {
      x: [0],
      y: [0],
      mode: "markers",
      name: "direct beam",
      hoverinfo: "name",
      marker: { symbol: "cross-thin", size: 11, line: { width: 2, color: "#ff5c5c" } },
    },
  ];
  const axis = (title) => ({
    title: { text: title, standoff: 4 },
    constrain: "domain",
    showgrid: false,
    zeroline: false,
    ticks: "outside",
  });
  await Plotly.react(
    "pattern",
    traces,
    {
      images,
      margin: { l: 48, r: 8, t: touch ? 8 : 30, b: 42 },
      plot_bgcolor: NOTHING,
      font: FONT,
      dragmode: touch ? false : "zoom",
      hovermode: "closest",
      uirevision: "pattern",
      showlegend: false,
      xaxis: { ...axis("q<sub>x</sub> (1/Å)"), range: [left, left + width * qx] },
      yaxis: { ...axis("q<sub>y</sub> (1/Å)"), range: [top + height * qy, top], scaleanchor: "x" },
    },
    CONFIG,
  );
  if (!$("pattern").dataset.listens) {
    $("pattern").on(
      "plotly_click",
      ({ points }) => points[0].data.name === "direct beam" || darkFieldOf(points[0].x, points[0].y),
    );
    $("pattern").dataset.listens = "yes";
  }
  $("patternNote").textContent =
    (source
      ? "Logarithmic grey scale, the same in all patterns. "
      : imageOf.size
        ? `No image of this position is in this page, which has ${imageOf.size} of ${n}; its spots are drawn. `
        : "There are no images of this scan; spots are drawn. ") +
    "Point at a spot for its indices; click it for its dark field.";
}

function drawn(spots, name, colour, size, full) {
  const labelled = new Set([...spots].sort((a, b) => b.share - a.share).slice(0, 8));
  const text = spots.map((spot) =>
    spot.hkl && labelled.has(spot)
      ? spot.hkl
          .map((h) => (h < 0 ? `${-h}\u0305` : h))
          .join(spot.hkl.some((h) => Math.abs(h) > 9) ? " " : "")
      : "",
  );
  const about = spots.map(
    (spot) =>
      (spot.hkl ? `<b>${spot.hkl.join(" ")}</b><br>` : "") +
      `d = ${(1 / Math.hypot(spot.x, spot.y)).toFixed(3)} Å` +
      `<br>q = ${spot.x.toFixed(3)}, ${spot.y.toFixed(3)} 1/Å<br>${(100 * spot.share).toPrecision(2)} % of the beam`,
  );
  return {
    x: spots.map((spot) => spot.x),
    y: spots.map((spot) => spot.y),
    mode: "markers+text",
    name,
    text,
    textposition: "top center",
    textfont: { color: colour, size: 12 },
    customdata: about,
    hovertemplate: "%{customdata}<extra></extra>",
    marker: {
      symbol: full ? "circle" : "circle-open",
      color: colour,
      line: { width: 2, color: colour },
      size: full ? spots.map((spot) => Math.max(4, 20 + 5 * Math.log10(spot.share))) : size,
    },
  };
}

// The intensity at every position of the spots near one place in reciprocal space.
function darkFieldOf(x, y) {
  const near = 1.5 * Math.max(...facts.pixel),
    image = new Float32Array(n);
  for (let p = 0; p < n; p++) {
    for (let s = data.offset[p]; s < data.offset[p + 1]; s++) {
      const dx = (data.q[2 * s] / 32767) * facts.farthest - x,
        dy = (data.q[2 * s + 1] / 32767) * facts.farthest - y;
      if (Math.hypot(dx, dy) <= near) image[p] += 10 ** (-data.share[s] / facts.decade);
    }
  }
  reflection = { image };
  LAYERS.reflection.note = `Intensity of the spots within ${near.toFixed(3)} 1/Å of (${x.toFixed(3)}, ${y.toFixed(3)}), d = ${(1 / Math.hypot(x, y)).toFixed(3)} Å.`;
  if (!$("layer").querySelector("[value=reflection]"))
    $("layer").add(new Option(LAYERS.reflection.title, "reflection"));
  $("layer").value = "reflection";
  drawMap();
}
