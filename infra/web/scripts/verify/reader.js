/** What finds a QR code in a picture: the browser itself where it can, else a reader that is fetched now. */

const LARGEST = 1600; // pixels of a side: more only takes longer

/**
 * @typedef {(picture: HTMLVideoElement | ImageBitmap) => Promise<string>} Reader gives the code's text, "" for none
 */

/**
 * @param {string} address of the reader to fetch
 * @returns {Promise<Reader>}
 */
export async function reader(address) {
  const own = await browsersOwn();
  let fetched = own ? null : await fetchedOne(address);
  return async picture => {
    if (!fetched && own) {
      try {
        const [found] = await own.detect(picture);
        return found ? found.rawValue : "";
      } catch {
        fetched = await fetchedOne(address); // a phone may name the function and lack what does its work
      }
    }
    return fetched ? fetched(picture) : "";
  };
}

async function browsersOwn() {
  const Detector = /** @type {any} */ (window).BarcodeDetector;
  try {
    const formats = Detector ? await Detector.getSupportedFormats() : [];
    return formats.includes("qr_code") ? new Detector({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} address
 * @returns {Promise<Reader>}
 */
async function fetchedOne(address) {
  const { default: read } = await import(address);
  const canvas = document.createElement("canvas");
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  return async picture => {
    const [width, height] =
      picture instanceof HTMLVideoElement ? [picture.videoWidth, picture.videoHeight] : [picture.width, picture.height];
    const scale = Math.min(1, LARGEST / Math.max(width, height, 1));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    if (!drawing || !canvas.width || !canvas.height) {
      return "";
    }
    drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const { data } = drawing.getImageData(0, 0, canvas.width, canvas.height);
    const found = read(data, canvas.width, canvas.height);
    return found ? found.data : "";
  };
}
