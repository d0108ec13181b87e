"use strict";
// Draws the figures of this file. Nothing is loaded: plotly.js and the figures lie in it, compressed.
(async () => {
  const unpacked = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const places = [...document.querySelectorAll(".plot")];
  const say = (words) => places.forEach((place) => { place.textContent = words; });
  if (typeof DecompressionStream === "undefined") {
    say("The figures need a browser of 2023 or later (Chrome 80, Safari 16.4, Firefox 113).");
    return;
  }
  const { figures, arrays, grounds } = JSON.parse(await unpacked("figures"));
  const code = document.createElement("script");
  code.textContent = await unpacked("plotly");
  document.head.append(code);

  // Arrays are shared; plotly changes what it is given, so every drawing gets objects of its own.
  const whole = (value) => {
    if (Array.isArray(value)) return value.map(whole);
    if (value === null || typeof value !== "object") return value;
    if ("array" in value && typeof value.array === "number") return whole(arrays[value.array]);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, whole(each)]));
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const config = { responsive: true, displaylogo: false, showSendToCloud: false };
  const drawn = new Set();
  let paper = false; // from before to after it is printed
  const draw = (place) => {
    const { data, layout } = whole(figures[place.dataset.figure][narrow.matches && !paper ? "narrow" : "wide"]);
    layout.template = whole(grounds[dark.matches && !paper ? "dark" : "light"]);
    if (paper) layout.width = 970; // 680 when made smaller
    if (!drawn.has(place)) place.textContent = "";
    place.style.height = `${layout.height}px`;
    if (narrow.matches) layout.dragmode = false; // a finger scrolls the page
    drawn.add(place);
    // Anew: `react` keeps the colours of the template it first saw.
    return Plotly.newPlot(place, data, layout, { ...config, displayModeBar: narrow.matches ? false : "hover" });
  };
  const drawAgain = () => drawn.forEach(draw);
  const seen = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      seen.unobserve(target);
      draw(target);
    }
  }, { rootMargin: "600px" }); // drawn shortly before they are seen
  places.forEach((place) => seen.observe(place));
  for (const change of [dark, narrow]) change.addEventListener("change", drawAgain);
  addEventListener("beforeprint", () => { paper = true; places.forEach(draw); });
  addEventListener("afterprint", () => { paper = false; drawAgain(); });
  document.documentElement.dataset.ready = "";
})();
