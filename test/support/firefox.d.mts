import type { Browser } from 'puppeteer-core';

export interface FirefoxOptions {
  readonly executablePath: string;
  readonly preferences?: Readonly<Record<string, string | number | boolean>>;
}

/** A part of Puppeteer's browser: new pages, which evaluate, click, load and take screenshots. */
export function startFirefox(options: FirefoxOptions): Promise<Browser>;
