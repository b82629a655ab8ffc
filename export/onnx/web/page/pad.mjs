// A canvas to draw on by mouse, finger, pen or keyboard: new Pad(canvas, onChange).

const PEN = 1 / 14; // of the side: like MNIST's strokes relative to their height
const STEP = 1 / 28; // of the side, per arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ANALYSED = 112; // pixels a side: enough to find the ink, and fast

export class Pad {
  #strokes = []; // lists of [x, y] from 0 to 1
  #picture = null; // an opened or dropped picture, instead of strokes
  #pointers = new Map(); // from pointer to stroke
  #pen = { at: [0.3, 0.2], stroke: null, shown: false }; // moved by the keyboard

  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    const listen = (type, handle) => canvas.addEventListener(type, handle.bind(this));
    listen("pointerdown", this.#down);
    listen("pointermove", this.#move);
    listen("pointerup", this.#up);
    listen("pointercancel", this.#up);
    listen("keydown", this.#key);
    listen("blur", () => this.#show(false));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    this.#draw();
  }

  /** Returns the drawing, dark strokes on white, or the opened picture, as ImageData. */
  read() {
    if (this.#picture) return { image: this.#picture };
    const small = new OffscreenCanvas(ANALYSED, ANALYSED);
    const context = small.getContext("2d", { willReadFrequently: true });
    this.#paint(context, ANALYSED, "#fff", "#000");
    return { image: context.getImageData(0, 0, ANALYSED, ANALYSED) };
  }

  get empty() {
    return !this.#picture && !this.#strokes.length;
  }

  clear() {
    this.#strokes = [];
    this.#picture = null;
    this.#pen.stroke = null;
    this.#changed();
  }

  /** Shows a picture, given as ImageData, instead of a drawing. */
  open(picture) {
    this.#strokes = [];
    this.#pen.stroke = null;
    this.#picture = picture;
    this.#changed();
  }

  #start(point) {
    this.#picture = null;
    const stroke = [point];
    this.#strokes.push(stroke);
    return stroke;
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  #down(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#start(this.#place(event)));
    this.#changed();
  }

  #move(event) {
    const stroke = this.#pointers.get(event.pointerId);
    if (!stroke) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) stroke.push(this.#place(each));
    this.#changed();
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
  }

  #key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      this.#pen.at = this.#pen.at.map((side, i) => Math.min(1, Math.max(0, side + STEP * arrow[i])));
      this.#pen.stroke?.push(this.#pen.at);
    } else if (event.key === " ") {
      this.#pen.stroke = this.#pen.stroke ? null : this.#start(this.#pen.at);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    this.#pen.shown = true;
    this.#changed();
  }

  #show(shown) {
    this.#pen.shown = shown;
    this.#draw();
  }

  #changed() {
    this.#draw();
    this.onChange();
  }

  #draw() {
    const { canvas } = this;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const [paper, ink] = ["--paper", "--ink"].map((name) => style.getPropertyValue(name));
    this.#paint(context, canvas.width, paper, ink);
    if (this.#picture) this.#fit(context, this.#picture);
    if (!this.#pen.shown) return;
    const [x, y] = this.#pen.at.map((side) => side * canvas.width);
    context.strokeStyle = style.getPropertyValue("--accent");
    context.lineWidth = this.#pen.stroke ? 6 : 2;
    context.beginPath();
    context.arc(x, y, (PEN * canvas.width) / 2 + 4, 0, 2 * Math.PI);
    context.stroke();
  }

  #paint(context, side, paper, ink) {
    context.fillStyle = paper;
    context.fillRect(0, 0, side, side);
    context.strokeStyle = ink;
    context.lineWidth = PEN * side;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.#strokes) {
      context.beginPath();
      const [[x, y], ...rest] = stroke;
      context.moveTo(x * side, y * side);
      context.lineTo(x * side, y * side); // a dot is a stroke too
      for (const [toX, toY] of rest) context.lineTo(toX * side, toY * side);
      context.stroke();
    }
  }

  #fit(context, picture) {
    const source = new OffscreenCanvas(picture.width, picture.height);
    source.getContext("2d").putImageData(picture, 0, 0);
    const { width: side } = this.canvas;
    const scale = side / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    context.drawImage(source, (side - width) / 2, (side - height) / 2, width, height);
  }
}
