/**
 * Serves the page offline, and with the headers required for memory shared among threads, which simple hosts
 * such as GitHub Pages cannot send. The files of a build are stored together or not at all, each verified by
 * its hash. With a network the document is fetched from there, so that updates appear at once; old and new
 * files never mix, because all files named by a document have a hash in their names.
 */

/** The part of this worker's global scope used here: its types clash with the DOM's. */
interface Scope {
  /** Folder of the page: one host may serve several copies. */
  readonly registration: { readonly scope: string };
  /** `claim`: pages that are open already are served by this worker from now on. */
  readonly clients: { claim(): Promise<void> };
  /** `waitUntil`: a rejection discards the worker, and with it the incomplete build. */
  addEventListener(
    name: 'install' | 'activate',
    listener: (event: { waitUntil(done: Promise<unknown>): void }) => void,
  ): void;
  /** `respondWith` must be called before the listener returns. */
  addEventListener(
    name: 'fetch',
    listener: (event: { readonly request: Request; respondWith(answer: Promise<Response>): void }) => void,
  ): void;
}

/**
 * Of the build: name and hash ("sha256-...") of every file, and whether it is stored only once it is used, as
 * those of networks are.
 */
declare const __FILES__: readonly (readonly [name: string, integrity: string, later: boolean])[];
/** Hash of all files: names the cache of this build. */
declare const __BUILD__: string;

/** The scope, typed. */
const scope = globalThis as unknown as Scope;
/** Address of the folder, with its slash. */
const base = scope.registration.scope;
/** Caches are shared by all pages of a host: only names with this prefix are ours. */
const cachePrefix = `locscale-gpu ${base} `;
/** One cache per build, deleted as a whole by the next. */
const cacheName = cachePrefix + __BUILD__;

/** Stored under the folder's own address (`urlOf`). */
const DOCUMENT = 'index.html';
/** Names that contain a hash, so that equal names mean equal contents. */
const HASHED = /^[\w.-]+-[\w-]{8}\.(js|wasm|onnx|json)$/;
/** Mark of this page's documents: another program may have taken over the address. */
const MARK = '<meta name="application-name" content="locscale-gpu">';
/** Time limit for the network if the document is stored, in milliseconds. */
const PATIENCE_MILLISECONDS = 4000;

/** What SharedArrayBuffer, hence threads in WebAssembly, requires of the document and its parts. */
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

scope.addEventListener('install', (event) => event.waitUntil(storeAll()));
scope.addEventListener('activate', (event) => event.waitUntil(takeOver()));

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || !request.url.startsWith(base)) return;
  const name = url.pathname.slice(new URL(base).pathname.length);
  if (request.mode === 'navigate') {
    if (name === '' || name === DOCUMENT) event.respondWith(documentNow(request.url));
  } else if (HASHED.test(name) || __FILES__.some(([known]) => known === name))
    event.respondWith(stored(name).then((found) => found ?? fetchedNow(name, request)));
});

/** What is stored once it is used is stored now. */
async function fetchedNow(name: string, request: Request): Promise<Response> {
  const later = __FILES__.find(([known, , isLater]) => isLater && known === name);
  if (later === undefined) return isolating(await fetch(request));
  const response = await fetch(urlOf(name), { integrity: later[1] });
  const cache = await caches.open(cacheName);
  // A full disk costs the copy, not the run.
  if (response.ok) await cache.put(urlOf(name), response.clone()).catch(() => undefined);
  return isolating(response);
}

/** After a failed attempt the files already stored serve the next one; this worker is not used before. */
async function storeAll(): Promise<void> {
  const cache = await caches.open(cacheName);
  await Promise.all(
    __FILES__.map(async ([name, integrity, later]) => {
      if ((await cache.match(urlOf(name))) !== undefined) return;
      const known = HASHED.test(name) ? await caches.match(urlOf(name)) : undefined;
      if (later && known === undefined) return;
      const response =
        known ?? (await fetch(urlOf(name), { integrity, cache: HASHED.test(name) ? 'default' : 'no-cache' }));
      if (!response.ok) throw new Error(`${name}: status ${response.status}`);
      await cache.put(urlOf(name), response);
    }),
  );
}

/** Runs when no page of an earlier build is open. */
async function takeOver(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(cachePrefix) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
  await scope.clients.claim();
}

/**
 * From the network if it answers in time, else the stored one; other programs' documents are left as they
 * are.
 */
async function documentNow(url: string): Promise<Response> {
  const own = await stored(DOCUMENT);
  try {
    const signal = own === undefined ? null : AbortSignal.timeout(PATIENCE_MILLISECONDS);
    const response = await fetch(url, { signal, cache: 'no-cache' });
    if (own !== undefined && response.status >= 500) return own;
    const text = await response.clone().text();
    return text.includes(MARK) ? isolating(response) : response;
  } catch (error) {
    if (own === undefined) throw error;
    return own;
  }
}

/** Of this build only; undefined where it was never stored. */
async function stored(name: string): Promise<Response | undefined> {
  const cache = await caches.open(cacheName);
  const found = await cache.match(urlOf(name));
  return found && isolating(found);
}

/** Some hosts redirect the document's own name to its folder. */
function urlOf(name: string): string {
  return name === DOCUMENT ? base : base + name;
}

/**
 * The same response with `HEADERS`; redirects and opaque responses cannot be rebuilt, and are left as they
 * are.
 */
function isolating(response: Response): Response {
  if (response.type === 'opaqueredirect' || response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
