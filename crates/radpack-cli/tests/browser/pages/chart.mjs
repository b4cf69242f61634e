// A page with the served import map draws a bar chart with d3; what the picture shows is counted, not compared.

import assert from "node:assert/strict";

const BARS = [
  ["#c00000", 10],
  ["#00a000", 20],
  ["#0000c0", 40],
];

const SCRIPT = `
  import { scaleBand, scaleLinear } from "d3-scale@^4";
  import { select } from "d3-selection@^3";
  import { area } from "d3-shape@^3";
  const bars = ${JSON.stringify(BARS)};
  const x = scaleBand(bars.map(([color]) => color), [0, 300]).padding(0);
  const y = scaleLinear([0, 40], [200, 0]);
  const svg = select("body").append("svg").attr("width", 300).attr("height", 200).style("display", "block");
  svg.selectAll("rect").data(bars).join("rect")
    .attr("shape-rendering", "crispEdges")
    .attr("x", ([color]) => x(color)).attr("width", x.bandwidth())
    .attr("y", ([, value]) => y(value)).attr("height", ([, value]) => 200 - y(value))
    .attr("fill", ([color]) => color);
  select("body").append("path").attr("d", area()([[0, 0], [1, 1]]));
  document.body.dataset.drawn = "yes";
`;

export default async function ({ serve, site, open, until, text, document }) {
  const origin = await serve();
  const head = await text(`${origin}/import-map.html?roots=d3-scale@^4,d3-selection@^3,d3-shape@^3`);
  const here = await site(origin, { "/": () => document(`<style>body{margin:0}</style>${head}`, SCRIPT) });
  const { page, complaints } = await open(here);
  await until(page, "body[data-drawn=yes]");
  const svg = page.locator("svg");
  const picture = (await svg.screenshot()).toString("base64");
  const counts = await page.evaluate(async ({ picture, colors }) => {
    const image = new Image();
    image.src = `data:image/png;base64,${picture}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    const wanted = colors.map((color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
    const counts = colors.map(() => 0);
    for (let at = 0; at < data.length; at += 4) {
      const found = wanted.findIndex((color) => color.every((value, index) => Math.abs(value - data[at + index]) < 24));
      if (found >= 0) counts[found] += 1;
    }
    return counts;
  }, { picture, colors: BARS.map(([color]) => color) });
  // Each bar is a hundred pixels wide, and five high for each unit.
  for (const [index, [color, value]] of BARS.entries()) {
    const share = counts[index] / (100 * 5 * value);
    assert.ok(share > 0.9 && share < 1.1, `${color}: ${share} of what was expected`);
  }
  assert.deepEqual(complaints, []);

  // From another origin too, with absolute URLs.
  const absolute = await text(`${origin}/import-map.html?urls=absolute&roots=d3-scale@^4,d3-selection@^3,d3-shape@^3`);
  assert.ok(absolute.includes(`${origin}/m/d3-scale/`));
  const elsewhere = await site(origin, { "/": () => document(absolute, SCRIPT) });
  const other = await open(elsewhere);
  await until(other.page, "body[data-drawn=yes]");
  assert.deepEqual(other.complaints, []);
}
