// A button that shows what the camera sees, and takes one picture: new Camera(button, video, opened, say).

const SHOW = "Camera…";
const TAKE = "Take the picture";

export class Camera {
  /** Shows the button if the browser gives pages a camera; `opened` gets each picture as a PNG file. */
  constructor(button, video, opened, say) {
    Object.assign(this, { button, video, opened, say });
    button.hidden = !navigator.mediaDevices?.getUserMedia; // none without https or localhost
    button.addEventListener("click", () => this.press());
  }

  async press() {
    const focused = document.activeElement === this.button; // a disabled button loses the focus
    this.button.disabled = true; // while a person is asked for permission
    try {
      if (this.video.srcObject) await this.take();
      else await this.show();
    } catch (error) {
      this.close();
      this.say(`The camera gives no picture: ${error.message}.`);
    }
    this.button.disabled = false;
    if (focused) this.button.focus();
  }

  async show() {
    const video = { facingMode: "environment" }; // of a phone the one at the back
    this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video });
    await this.video.play();
    this.video.hidden = false;
    this.button.textContent = TAKE;
  }

  async take() {
    const frame = new OffscreenCanvas(this.video.videoWidth, this.video.videoHeight);
    frame.getContext("2d").drawImage(this.video, 0, 0);
    this.close();
    await this.opened(await frame.convertToBlob());
  }

  close() {
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.video.hidden = true;
    this.button.textContent = SHOW;
  }
}
