/** The page: user actions become events (state.ts), and each state is drawn. */
import { saveAll, saveAs } from '../browser/save.ts';
import { named } from '../errors.ts';
import type { Failure, JobRequest, Machine, PageFile, RunSummary, ServerFile } from '../screens/protocol.ts';
import { hashOf, type Settings, settingsOf, unreadableIn } from '../screens/settings.ts';
import { inPageWords } from '../screens/words.ts';
import { type Backend, type FoundRun, RequestFailure, WorkerBackend } from './backend.ts';
import { byId, formatBytes, h } from './dom.ts';
import { assignRoles, fileOf, type InputFile, missing, type Role, referenceOf, schemeOf } from './inputs.ts';
import { storePage } from './offline.ts';
import { ServerBackend } from './server-backend.ts';
import { next, type PageEvent, type State } from './state.ts';
import { drawCards } from './views/cards.ts';
import { drawResult } from './views/result.ts';
import { drawPlan, drawProgress } from './views/run.ts';
import { SectionsView } from './views/sections.ts';
import { ServerFilesView } from './views/server-files.ts';
import { SettingsForm } from './views/settings-form.ts';
import { SolidView } from './views/solid.ts';
import { StorageView } from './views/storage.ts';
import { drawTabs } from './views/tabs.ts';

/** With `locscale-gpu app` the program that serves the page computes, on files that it has. */
const server = document.documentElement.dataset.server === 'app' ? new ServerBackend() : undefined;
const backend: Backend = server ?? new WorkerBackend();
const form = new SettingsForm(byId<HTMLFormElement>('settings'), settingsOf(location.hash));
const sections = new SectionsView(byId('sections'));
const solid = new SolidView(byId('solid'), () => backend.ask('view'));
const storage = new StorageView(backend, {
  onOpened: (summary) => dispatch({ kind: 'opened', summary }),
  onGone: () => void settle(),
  sentenceOf: (error) => sentenceOf(failureOf(error)),
});
const serverFiles =
  server &&
  new ServerFilesView({
    list: (folder) => server.list(folder),
    onChosen: (chosen) => void add(chosen),
    onOutput: () => void settle(),
    sentenceOf: (error) => sentenceOf(failureOf(error)),
  });
let settings: Settings = settingsOf(location.hash);
let files: InputFile[] = [];
let count = 0;
let state: State = { name: 'boot' };
/** Of several pending plans only the last is used. */
let planning = 0;
let previewed: PageFile | undefined;
let failureShown: Failure | undefined;

function dispatch(event: PageEvent): void {
  const before = state;
  state = next(state, event);
  if (state !== before) draw(before);
}

// Files.

async function add(added: Iterable<PageFile>): Promise<void> {
  const isBusy = state.name === 'running' || state.name === 'boot';
  if (isBusy) return;
  const mine: InputFile[] = [...added].map((file) => ({ id: ++count, file, role: 'unused' }));
  if (mine.length === 0) return;
  files = [...files, ...mine];
  dispatch({ kind: 'lacking' });
  show();
  await Promise.all(mine.map(({ id, file }) => inspect(id, file)));
  settle();
}

async function inspect(id: number, file: PageFile): Promise<void> {
  try {
    update(id, { contents: await backend.ask('inspect', file) });
  } catch (error) {
    update(id, { problem: sentenceOf(failureOf(error)) });
  }
}

function update(id: number, change: Partial<InputFile>): void {
  files = files.map((file) => (file.id === id ? { ...file, ...change } : file));
  show();
}

function show(): void {
  const actions = {
    onRole: (id: number, role: Role) => {
      files = files.map((file) => {
        if (file.id === id) return { ...file, role, chosen: true };
        return file.role === role && role !== 'unused' ? { ...file, role: 'unused', chosen: false } : file;
      });
      settle();
    },
    onRemove: (id: number) => {
      files = files.filter((file) => file.id !== id);
      settle();
    },
  };
  drawCards(byId('cards'), files, actions, state.name === 'running' || state.name === 'result');
}

/** Plans the run again after files or settings have changed. */
async function settle(): Promise<void> {
  files = assignRoles(files, settings);
  show();
  form.showFor(
    {
      reference: referenceOf(files, settings),
      single: fileOf(files, 'map') !== undefined,
      hasMask: fileOf(files, 'mask') !== undefined,
    },
    referenceOf(files, {}),
  );
  const mine = ++planning;
  if (files.length === 0) {
    dispatch({ kind: 'emptied' });
    return;
  }
  if (files.some(({ contents, problem }) => contents === undefined && problem === undefined)) return;
  const lacking = form.problem === undefined ? missing(files, settings) : { why: form.problem };
  if (lacking !== undefined) {
    dispatch({ kind: 'lacking', why: lacking.why });
    // Where the user is already at work nothing takes the focus away.
    if (lacking.field !== undefined)
      form.reveal(lacking.field, !byId('setup').contains(document.activeElement));
    return;
  }
  try {
    const plan = await backend.ask('plan', jobOf());
    if (mine !== planning) return;
    dispatch({ kind: 'planned', plan });
    await preview();
  } catch (error) {
    if (mine === planning) dispatch({ kind: 'refused', failure: failureOf(error) });
  }
}

/** Previews the map while the settings are chosen. */
async function preview(): Promise<void> {
  const file = fileOf(files, 'half1') ?? fileOf(files, 'map');
  if (file === undefined || file === previewed) return;
  previewed = file;
  const { name, scales, ...set } = await backend.ask('preview', file);
  if (state.name === 'planned') sections.preview(name, set, scales);
}

function jobOf(): JobRequest<PageFile> {
  const roles = ['half1', 'half2', 'map', 'mask', 'reference', 'model', 'network', 'manifest'] as const;
  const reference = referenceOf(files, settings);
  return {
    files: Object.fromEntries(roles.map((role) => [role, fileOf(files, role)])),
    settings,
    reference,
    scheme: schemeOf(reference, settings),
    output: serverFiles?.output((fileOf(files, 'half1') ?? fileOf(files, 'map')) as ServerFile | undefined),
  };
}

// Runs.

async function start(): Promise<void> {
  if (state.name !== 'planned' && state.name !== 'failed') return;
  const job = jobOf();
  dispatch({ kind: 'start' });
  await finish(backend.ask('run', job));
}

async function finish(run: Promise<RunSummary>): Promise<void> {
  const release = keepAwake();
  try {
    dispatch({ kind: 'done', summary: await run });
    if (server === undefined) void storage.store();
  } catch (error) {
    const failure = failureOf(error);
    dispatch(failure.tag === 'aborted' ? { kind: 'stopped' } : { kind: 'failed', failure });
  } finally {
    release();
    previewed = undefined;
  }
}

/** A run of the serving program that another page has started, or this one before it was loaded again. */
async function rejoin({ request, plan, outcome }: FoundRun): Promise<void> {
  const given = Object.entries(request.files) as [Role, ServerFile][];
  files = given.map(([role, file]) => ({ id: ++count, file, role, chosen: true }));
  settings = request.settings;
  form.show(settings);
  serverFiles?.setOutput(request.output, request.files.half1 ?? request.files.map);
  dispatch({ kind: 'rejoined', plan });
  void Promise.all(files.map(({ id, file }) => inspect(id, file)));
  await finish(outcome);
}

function cancel(): void {
  if (state.name !== 'running' || state.stopping) return;
  dispatch({ kind: 'cancel' });
  backend.cancel();
}

/**
 * A lock keeps browsers from freezing a hidden page that computes for long. Nothing waits for it, and other tabs may
 * hold it, too.
 */
function keepAwake(): () => void {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  void navigator.locks
    ?.request('locscale-gpu run', { mode: 'shared' }, () => released)
    .catch(() => undefined);
  return release;
}

async function tryDemo(): Promise<void> {
  const button = byId<HTMLButtonElement>('demo');
  button.disabled = true;
  button.textContent = 'Making half maps of a generated protein';
  try {
    const made = await backend.ask('demo');
    files = [];
    await add(made);
  } catch (error) {
    dispatch({ kind: 'refused', failure: failureOf(error) });
  } finally {
    button.disabled = false;
    button.textContent = 'Try it with a generated protein';
  }
}

async function save(name: string): Promise<void> {
  try {
    await saveAs(name, () => backend.ask(window.showSaveFilePicker === undefined ? 'file' : 'stream', name));
  } catch (error) {
    showFailure({ tag: 'bad-output', message: `${name} was not saved: ${failureOf(error).message}` });
  }
}

async function saveEverything(): Promise<void> {
  if (state.name !== 'result') return;
  const names = state.summary.files.map(({ name }) => name);
  try {
    await saveAll(names, (name) => backend.ask('file', name));
  } catch (error) {
    showFailure({ tag: 'bad-output', message: `Not all files were saved: ${failureOf(error).message}` });
  }
}

/** Of a link, what is not used. */
function noteLink(): void {
  const unused = unreadableIn(location.hash);
  const note = byId('link-note');
  note.hidden = unused.length === 0;
  note.textContent = `Of the settings in this link the page cannot use: ${unused.join(', ')}.`;
}

// Drawing.

function draw(before: State): void {
  const { name } = state;
  const isBusy = name === 'running';
  byId('intro').hidden = name !== 'boot' && name !== 'empty';
  byId('try').hidden = name !== 'empty' && name !== 'boot';
  byId('drop').classList.toggle('small', files.length > 0);
  byId('drop').hidden = isBusy || name === 'result';
  byId('drop-title').textContent =
    files.length === 0 ? 'Drop half maps here' : 'Drop more here: a mask, a reference map, a model';
  if (serverFiles !== undefined) serverFiles.hidden = isBusy || name === 'result';
  byId('setup').hidden = name !== 'planned' && name !== 'failed' && name !== 'filling';
  byId('run').hidden = !isBusy;
  form.disabled = isBusy;
  byId<HTMLButtonElement>('start').disabled = name !== 'planned' && name !== 'failed';
  const lacking = state.name === 'filling' ? state.lacking : undefined;
  byId('lacking').hidden = lacking === undefined;
  byId('lacking').textContent = lacking ?? '';
  showFailure(state.name === 'failed' || state.name === 'filling' ? state.failure : undefined);
  byId('plan').hidden = state.name !== 'planned';
  if (state.name === 'planned') drawPlan(state.plan, networkToLoad());
  if (state.name === 'running') drawProgress(state.progress, state.stopping, performance.now());
  if (name === before.name) return;
  show();
  document.title = isBusy ? 'Sharpening · locscale-gpu' : 'locscale-gpu: sharpen a cryo-EM map';
  if (isBusy) byId('cancel').focus();
  if (name === 'planned') byId('start').focus({ preventScroll: true });
  for (const id of ['result', 'parts', 'outputs']) if (name !== 'result') byId(id).hidden = true;
  if (name !== 'result') solid.hide();
  if (name === 'empty') void storage.list();
  else storage.hide();
  if (name === 'empty' || name === 'filling') sections.hide();
  if (state.name === 'result') {
    const { summary } = state;
    byId('edit').hidden = files.length === 0;
    drawResult(summary, save);
    drawTabs(byId('parts'), summary.parts);
    sections.show(summary, (request) => backend.ask('sections', request));
    solid.show(summary);
    if (serverFiles !== undefined) byId('storage').textContent = `The files are in ${serverFiles.folder}.`;
    document.title = 'Sharpened · locscale-gpu';
    byId('result-title').focus();
  }
}

/** What this page itself would run; a program that serves it runs networks of its own. */
function networkToLoad(): 'bundled' | 'dropped' | undefined {
  if (server !== undefined || referenceOf(files, settings) !== 'network') return undefined;
  return fileOf(files, 'network') === undefined ? 'bundled' : 'dropped';
}

/** The same again is left as it is: screen readers read out what is new. */
function showFailure(failure: Failure | undefined): void {
  if (failure === failureShown) return;
  failureShown = failure;
  const note = byId('failure');
  note.hidden = failure === undefined;
  note.replaceChildren();
  if (failure === undefined) return;
  const onCpu = h(
    'button',
    { type: 'button', onclick: () => change({ ...settings, engine: 'cpu' }) },
    'Compute on the CPU',
  );
  const onOneGrid = h(
    'button',
    { type: 'button', onclick: () => change({ ...settings, matchGrid: true }) },
    'Put all maps on one grid',
  );
  note.replaceChildren(
    h('p', {}, inPageWords(failure.message)),
    ...(failure.hint === undefined ? [] : [h('p', { className: 'quiet' }, inPageWords(failure.hint))]),
    ...(failure.tag === 'no-device' ? [onCpu] : []),
    ...(failure.hint?.includes(named('matchGrid')) === true ? [onOneGrid] : []),
  );
}

function drawMachine({ isolated, cores, memoryBytes, gpu }: Machine): void {
  const device =
    'reason' in gpu ? `CPU (${gpu.reason})` : gpu.usable ? gpu.name : 'CPU (only a software GPU here)';
  const threads = isolated ? `${cores} ${cores === 1 ? 'core' : 'cores'}` : '1 core';
  const machine = byId('machine');
  machine.textContent = `${device} · ${threads} · ${formatBytes(memoryBytes)}`;
  if (!isolated)
    machine.title =
      'This host does not send the headers that let threads share memory: the CPU computes on one core.';
}

function change(changed: Settings): void {
  settings = changed;
  form.show(changed);
  history.replaceState(null, '', `${location.pathname}${location.search}${hashOf(changed)}`);
  void settle();
}

function failureOf(error: unknown): Failure {
  if (error instanceof RequestFailure) return error.failure;
  return { tag: 'internal', message: error instanceof Error ? error.message : String(error) };
}

function sentenceOf({ message, hint }: Failure): string {
  return hint === undefined ? message : `${message} ${hint}`;
}

// User actions.

backend.onEvent = (event, age) => dispatch({ kind: 'run', event, now: performance.now() - age });
if (server !== undefined) {
  server.onLink = (failure) => {
    if (failure === undefined) draw(state);
    else showFailure(failure);
  };
}
form.onChange = change;
addEventListener('hashchange', () => {
  noteLink();
  change(settingsOf(location.hash));
});
const choose = byId<HTMLInputElement>('choose');
choose.addEventListener('change', () => {
  void add(choose.files ?? []);
  choose.value = '';
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  byId('drop').classList.add('over');
});
for (const name of ['dragleave', 'drop']) addEventListener(name, () => byId('drop').classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  if (serverFiles !== undefined) {
    serverFiles.say(
      'Files of this computer cannot be dropped here: choose files of the machine that computes.',
    );
    return;
  }
  const items = [...(event.dataTransfer?.items ?? [])];
  if (items.some((item) => item.webkitGetAsEntry()?.isDirectory === true)) {
    const hint = 'Open it and drop the half maps that are in it.';
    dispatch({
      kind: 'refused',
      failure: { tag: 'bad-input', message: 'A folder cannot be read here.', hint },
    });
    return;
  }
  void add(event.dataTransfer?.files ?? []);
});
byId('save-all').addEventListener('click', () => void saveEverything());
byId('demo').addEventListener('click', tryDemo);
byId('start').addEventListener('click', start);
byId('cancel').addEventListener('click', cancel);
byId('save').addEventListener('click', () => {
  if (state.name === 'result') void save(state.summary.files[0].name);
});
byId('again').addEventListener('click', () => {
  files = [];
  serverFiles?.setOutput(undefined, undefined);
  void settle();
});
byId('edit').addEventListener('click', () => void settle());
byId('copy-link').addEventListener('click', async ({ currentTarget }) => {
  const button = currentTarget as HTMLElement;
  // Some browsers copy only where the user has allowed it: the address bar has the same link.
  const copied = await navigator.clipboard?.writeText(location.href).then(
    () => true,
    () => false,
  );
  button.textContent = copied === true ? 'Link copied' : 'Copy the link from the address bar';
  setTimeout(() => {
    button.textContent = 'Copy link to these settings';
  }, 4000);
});
addEventListener('beforeunload', (event) => {
  if (state.name === 'running' && server === undefined) event.preventDefault();
});

addEventListener('keydown', (event) => {
  const typing = (event.target as HTMLElement).closest('input[type=text], select') !== null;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'b' || event.key === 'B') sections.peek(true);
  if (event.key === 'Escape') cancel();
  if (event.key === 'o' || event.key === 'O') {
    if (serverFiles === undefined) choose.click();
    else serverFiles.focus();
  }
  if ((event.key === 's' || event.key === 'S') && state.name === 'result')
    void save(state.summary.files[0].name);
});
addEventListener('keyup', (event) => {
  if (event.key === 'b' || event.key === 'B') sections.peek(false);
});

noteLink();
byId('version').textContent = `version ${__VERSION__}`;
void storePage({
  isUnused: () => (state.name === 'boot' || state.name === 'empty') && files.length === 0,
  onStored: () => {
    byId('offline').hidden = false;
  },
});
window.launchQueue?.setConsumer(async ({ files: opened }) =>
  add(await Promise.all(opened.map((file) => file.getFile()))),
);
backend.ask('probe').then(
  (machine) => {
    drawMachine(machine);
    dispatch({ kind: 'ready' });
    if (machine.server === undefined) return;
    serverFiles?.open(machine.server);
    server?.watch((run) => {
      if (run !== undefined) void rejoin(run);
    });
  },
  (error) => {
    byId('machine').textContent = 'cannot compute';
    showFailure(failureOf(error));
  },
);
