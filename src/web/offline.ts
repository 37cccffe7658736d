/** Stores the page for use without a network, and isolates it where its host does not (service-worker.ts). */

/** In the session storage: this tab has been loaded again for the sake of isolation, once. */
const TRIED = 'locscale-gpu isolation';

export interface OfflineOptions {
  /** Whether the page may be loaded again: nobody has begun to use it. */
  readonly isUnused: () => boolean;
  readonly onStored: () => void;
}

export async function storePage({ isUnused, onStored }: OfflineOptions): Promise<void> {
  // The program's own server needs no copy, and its address is another program's tomorrow.
  if (document.documentElement.dataset.server !== undefined) return;
  const { serviceWorker } = navigator;
  if (serviceWorker === undefined) return;
  try {
    await serviceWorker.register('./service-worker.js', { scope: './', updateViaCache: 'none' });
    await serviceWorker.ready;
    if (serviceWorker.controller === null)
      await new Promise((resolve) =>
        serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
      );
  } catch {
    // Private windows and full disks: the page works all the same.
    return;
  }
  if (!crossOriginIsolated && sessionStorage.getItem(TRIED) === null && isUnused()) {
    sessionStorage.setItem(TRIED, '1');
    location.reload();
    return;
  }
  if (crossOriginIsolated) sessionStorage.removeItem(TRIED);
  onStored();
}
