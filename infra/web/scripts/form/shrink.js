/** Photos are made no larger than a reader needs: a phone's are many times that. */

const LONGEST = 2400; // pixels: an A4 page at about 200 dots per inch
const QUALITY = 0.85;
const SMALL = 500000; // bytes: not worth it
const SHARP = "image/jpeg";

/**
 * The photo as a smaller JPEG, upright; the file itself when it is none, or would not get smaller.
 * @param {File} file
 * @param {{ accept: string[], largest: number }} terms
 * @returns {Promise<File>}
 */
export async function shrink(file, { accept, largest }) {
  const foreign = accept.indexOf(file.type) < 0;
  if (!/^image\/(?!svg|gif)/.test(file.type) || accept.indexOf(SHARP) < 0 || (file.size < SMALL && !foreign)) {
    return file;
  }
  const picture = await decoded(file);
  if (!picture) {
    return file;
  }
  const smaller = await encoded(picture);
  picture.close();
  const better = smaller && (foreign || file.size > largest || smaller.size < file.size);
  return better ? new File([smaller], file.name.replace(/\.\w+$/, "") + ".jpg", { type: SHARP }) : file;
}

/**
 * The picture, turned as its camera says; none if the browser can't read it.
 * @param {File} file
 */
async function decoded(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch (trouble) {
    return null;
  }
}

/**
 * @param {ImageBitmap} picture
 * @returns {Promise<Blob | null>}
 */
function encoded(picture) {
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const paper = canvas.getContext("2d");
  if (!paper) {
    return Promise.resolve(null);
  }
  paper.fillStyle = "#fff"; // JPEG knows no transparency
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.imageSmoothingQuality = "high";
  paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise(resolve => canvas.toBlob(resolve, SHARP, QUALITY));
}
