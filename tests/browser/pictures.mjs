// Takes the pictures of the hosted pages that README shows: `scripts/pictures`.
import { launch, base, mail, passcodes } from "./world.mjs";

const SIZE = { width: 390, height: 660 };
const ADDRESS = "ada@example.com";
const browser = await launch();

/** The five screens of one reset, as PNGs. */
async function screens(colorScheme) {
  const context = await browser.newContext({ colorScheme, deviceScaleFactor: 1.5, viewport: SIZE });
  const page = await context.newPage();
  const taken = [];
  const take = async () => taken.push((await page.screenshot()).toString("base64"));
  const next = (selector) => page.click(selector);
  await page.goto(`${base}/contoso/account/sign-in`);
  await page.fill("#username", ADDRESS);
  await take();
  await next("main .button");
  await take();
  const before = (await passcodes(ADDRESS)).length;
  await next("button[formaction^=reset]");
  const { code } = await mail(ADDRESS, before);
  await page.fill("#code", code);
  await take();
  await next("main .button");
  const password = `four unrelated words ${colorScheme}`;
  await page.fill("#new-password", password);
  await page.fill("#confirm-password", password);
  await take();
  await next("main .button");
  await take();
  await context.close();
  return taken;
}

for (const [colorScheme, background] of [["light", "#e9eaec"], ["dark", "#0b0c0e"]]) {
  const shown = (await screens(colorScheme))
    .map((image) => `<img src="data:image/png;base64,${image}" width="${SIZE.width / 1.5}">`);
  const page = await browser.newPage({ deviceScaleFactor: 1 });
  await page.setViewportSize({ width: 1420, height: 480 });
  await page.setContent(`<body style="margin:0;padding:20px;background:${background};display:flex;
    gap:20px;align-items:flex-start">${shown.join("")}</body>`);
  await page.screenshot({ path: `${process.env.TO}/pages-${colorScheme}.png` });
}
await browser.close();
