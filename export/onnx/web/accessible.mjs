// What keeps people from using a page: await faults(page) lists it, for a page of playwright-core.
// Names, headings, landmarks, contrast (WCAG 2.2 AA), keyboard, announcements, 320 px, zoom, motion.

const CONTROLS = new Set(["button", "textbox", "link", "checkbox", "combobox", "slider", "application", "image", "img"]);
const NARROW = { width: 320, height: 640 };
const WIDE = { width: 1280, height: 800 };
const ZOOM = 2;

/** Lists the faults of a page; its viewport and media are others afterwards. */
export async function faults(page) {
  await page.setViewportSize(WIDE);
  const found = await structure(page);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const fault of await page.evaluate(lowContrast)) found.push(`${fault} in ${colorScheme} colours`);
    for (const fault of await keyboard(page)) found.push(`${fault} in ${colorScheme} colours`);
  }
  found.push(...(await page.evaluate(moving)));
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "no-preference" });
  await page.setViewportSize(NARROW);
  found.push(...(await cut(page, `at ${NARROW.width} pixels`)));
  await page.setViewportSize({ width: WIDE.width / ZOOM, height: WIDE.height / ZOOM });
  found.push(...(await cut(page, `zoomed to ${100 * ZOOM} %`)));
  await page.evaluate((zoom) => (document.documentElement.style.fontSize = `${100 * zoom}%`), ZOOM);
  found.push(...(await cut(page, `with letters of ${100 * ZOOM} %`)));
  await page.evaluate(() => document.documentElement.removeAttribute("style"));
  return [...new Set(found)];
}

// Names and roles as a screen reader gets them; language, title, headings, landmarks, live region.
async function structure(page) {
  const client = await page.context().newCDPSession(page);
  const { nodes } = await client.send("Accessibility.getFullAXTree");
  await client.detach();
  const shown = nodes.filter((node) => !node.ignored && node.role);
  const role = (node) => node.role.value.toLowerCase();
  const found = shown
    .filter((node) => CONTROLS.has(role(node)) && !node.name?.value?.trim())
    .map((node) => `a control or picture of the role ${role(node)} has no name`);
  const landmarks = shown.filter((node) => ["main", "region"].includes(role(node)));
  if (landmarks.filter((node) => role(node) === "main").length !== 1) found.push("there is no single main landmark");
  if (landmarks.some((node) => role(node) === "region" && !node.name?.value)) found.push("a region has no name");
  if (!shown.some((node) => role(node) === "status")) found.push("no live region announces the prediction");
  const { levels, about } = await page.evaluate(() => ({
    levels: [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
      .filter((heading) => heading.checkVisibility())
      .map((heading) => Number(heading.tagName[1])),
    about: {
      lang: document.documentElement.lang,
      title: document.title,
      "text instead of a picture": [...document.images].every((image) => image.hasAttribute("alt")),
      "viewport that may be zoomed": !/user-scalable=no|maximum-scale/.test(
        document.querySelector("meta[name=viewport]")?.content ?? "user-scalable=no",
      ),
    },
  }));
  for (const [name, value] of Object.entries(about)) if (!value) found.push(`the page lacks: ${name}`);
  if (levels[0] !== 1 || levels.filter((level) => level === 1).length !== 1) found.push("there is no single first heading");
  if (levels.some((level, i) => i && level > levels[i - 1] + 1)) found.push("a level of headings is left out");
  return found;
}

// Runs in the page: visible texts below 4.5 (large ones 3), edges of controls below 3.
function lowContrast() {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = rgba(colour).map((value) => {
      return value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (rgba(colour)[3] === 255) return colour;
    }
    return "white";
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const name = `${element.localName}${element.id ? `#${element.id}` : ""}`;
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const share = contrast(style.color, ground(element));
    if (text && share < least) found.push(`the text of ${name} has a contrast of ${share.toFixed(2)}`);
    if (!element.matches("button, [tabindex='0']")) continue;
    const edge = contrast(style.borderTopColor, ground(element.parentElement));
    if (edge < 3) found.push(`the edge of ${name} has a contrast of ${edge.toFixed(2)}`);
  }
  return found;
}

// Goes through the page with Tab: every control has its turn, and shows that it has the focus.
async function keyboard(page) {
  await page.evaluate(() => document.activeElement.blur());
  const wanted = await page.evaluate(() => {
    const all = document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0'], [onclick]");
    return [...all].filter((each) => each.checkVisibility()).map((each, i) => (each.id ||= `control-${i}`));
  });
  const found = [];
  const reached = new Set();
  for (let i = 0; i < 2 * wanted.length + 2; i++) { // Tab goes on from where the focus was last
    await page.keyboard.press("Tab");
    const { id, visible } = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      const { width, height } = document.activeElement.getBoundingClientRect();
      const outlined = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      return { id: document.activeElement.id, visible: outlined && width >= 24 && height >= 24 };
    });
    if (!id) continue; // the page itself, between the last control and the first
    reached.add(id);
    if (!visible) found.push(`#${id} is small, or does not show that it has the focus`);
  }
  const missed = wanted.filter((id) => !reached.has(id));
  return [...found, ...missed.map((id) => `#${id} cannot be reached with the Tab key`)];
}

// Runs in the page: what moves although the person asked for less motion.
function moving() {
  const still = (style) => [style.transitionDuration, style.animationDuration].every((time) => /^0s(, 0s)*$/.test(time));
  return [...document.querySelectorAll("*")]
    .filter((element) => !still(getComputedStyle(element)))
    .map((element) => `${element.localName} moves although less motion is wanted`);
}

// What is cut off, or needs scrolling in two directions.
async function cut(page, when) {
  return page.evaluate((when) => {
    const root = document.scrollingElement;
    if (root.scrollWidth > innerWidth) return [`the page is ${root.scrollWidth - innerWidth} pixels too wide ${when}`];
    return [...document.querySelectorAll("button, p, h1, dd, dt, li, li span")]
      .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
      .map((each) => `${each.localName}${each.id ? `#${each.id}` : ""} is cut off ${when}`);
  }, when);
}
