/**
 * Firefox through Marionette, its own protocol of remote control, with the methods of Puppeteer's pages that the
 * tests use. Puppeteer drives Firefox by WebDriver BiDi, which attaches a debugger to every worker: workers that
 * start workers then stand still now and then (seen in Firefox 153 within a minute of such work, never
 * without BiDi).
 */
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Milliseconds in which Firefox has to open its port. */
const PATIENCE_MILLISECONDS = 60_000;

/** A profile that contacts nobody and asks nothing. */
const QUIET = {
  'marionette.port': 0,
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,none',
  'toolkit.telemetry.server': 'data:,none',
};

/** Starts `executablePath`; `preferences` are set besides those of a quiet profile. */
export async function startFirefox({ executablePath, preferences = {} }) {
  const profile = mkdtempSync(join(tmpdir(), 'locscale-firefox-profile-'));
  const lines = Object.entries({ ...QUIET, ...preferences }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(profile, 'user.js'), lines.join(''));
  const process = spawn(executablePath, ['--headless', '--no-remote', '--marionette', '--profile', profile], {
    stdio: 'ignore',
  });
  const ended = Promise.race([once(process, 'exit'), once(process, 'error')]);
  const end = async () => {
    process.kill();
    await ended.catch(() => undefined);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const wire = await Wire.open(await portOf(profile, ended));
    await wire.send('WebDriver:NewSession', {});
    return new Firefox(wire, process, end);
  } catch (error) {
    await end();
    throw error;
  }
}

/** Firefox writes the port that it chose into its profile. */
async function portOf(profile, ended) {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  ended.then(over, over);
  const begun = performance.now();
  while (!isOver && performance.now() - begun < PATIENCE_MILLISECONDS) {
    try {
      const port = Number(readFileSync(join(profile, 'MarionetteActivePort'), 'utf8'));
      if (port > 0) return port;
    } catch {
      // Not yet written.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(isOver ? 'Firefox ended while it started.' : 'Firefox opened no port within a minute.');
}

/** Messages of Marionette: their length in bytes, a colon, JSON. */
class Wire {
  #socket;
  #received = Buffer.alloc(0);
  #waiting = new Map();
  #count = 0;

  static async open(port) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Wire(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#receive(bytes));
    const fail = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Firefox has ended.'));
      this.#waiting.clear();
    };
    socket.on('error', fail);
    socket.on('close', fail);
  }

  send(name, parameters) {
    const id = ++this.#count;
    const text = JSON.stringify([0, id, name, parameters]);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #receive(bytes) {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      const end = colon + 1 + Number(this.#received.toString('latin1', 0, Math.max(colon, 0)));
      if (colon < 0 || this.#received.length < end) return;
      const message = JSON.parse(this.#received.toString('utf8', colon + 1, end));
      this.#received = this.#received.subarray(end);
      // The first message greets, and answers nothing.
      if (Array.isArray(message)) this.#settle(message);
    }
  }

  #settle([, id, error, value]) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`${error.error}: ${error.message}`));
    else waiting?.resolve(value);
  }
}

class Firefox {
  #wire;
  #process;
  #end;
  /** Commands apply to one tab at a time, so that they are sent one after another. */
  #last = Promise.resolve();

  constructor(wire, process, end) {
    this.#wire = wire;
    this.#process = process;
    this.#end = end;
  }

  process() {
    return this.#process;
  }

  async version() {
    return 'Firefox';
  }

  async newPage() {
    const { handle } = await this.#wire.send('WebDriver:NewWindow', { type: 'tab', focus: true });
    const page = new FirefoxPage((commands, focus) => this.#inTab(handle, commands, focus));
    await page.bringToFront();
    return page;
  }

  async close() {
    this.#wire.close();
    await this.#end();
  }

  #inTab(handle, commands, focus = false) {
    const run = async () => {
      await this.#wire.send('WebDriver:SwitchToWindow', { handle, focus });
      return commands((name, parameters = {}) => this.#wire.send(`WebDriver:${name}`, parameters));
    };
    const answer = this.#last.then(run);
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** A tab, with the methods of Puppeteer's that are used here. */
class FirefoxPage {
  #inTab;
  #scripts = [];

  constructor(inTab) {
    this.#inTab = inTab;
  }

  /** Nothing is reported: what matters is noted by scripts in the page. */
  on() {
    return this;
  }

  /** Unlike Puppeteer's: as soon as the document has been loaded. */
  async evaluateOnNewDocument(script) {
    this.#scripts.push(script);
  }

  async goto(url) {
    await this.#inTab((send) => send('Navigate', { url }));
    for (const script of this.#scripts) await this.evaluate(script);
  }

  async reload() {
    await this.#inTab((send) => send('Refresh'));
    for (const script of this.#scripts) await this.evaluate(script);
  }

  /** `script`: an expression, whose promise is awaited, or a block of statements. */
  async evaluate(script) {
    const body = /^\s*(\{|delete )/.test(script) ? script : `return (${script});`;
    const { value } = await this.#inTab((send) => send('ExecuteScript', { script: body, args: [] }));
    return value;
  }

  async $(selector) {
    const send = this.#inTab;
    const element = await send((ask) => ask('FindElement', { using: 'css selector', value: selector }));
    const id = element.value[ELEMENT];
    return {
      click: () => send((ask) => ask('ElementClick', { id })),
      uploadFile: (...paths) => send((ask) => ask('ElementSendKeys', { id, text: paths.join('\n') })),
    };
  }

  async click(selector) {
    await (await this.$(selector)).click();
  }

  async bringToFront() {
    await this.#inTab(() => undefined, true);
  }

  async screenshot({ path }) {
    const { value } = await this.#inTab((send) => send('TakeScreenshot', { full: true }));
    writeFileSync(path, Buffer.from(value, 'base64'));
  }

  async close() {
    await this.#inTab(async (send) => {
      // A tab that is closed can open no other.
      const [handle] = await send('CloseWindow');
      if (handle !== undefined) await send('SwitchToWindow', { handle });
    });
  }
}
