/** Stores the page for offline use, and isolates it if its host does not (service-worker.ts). */

/** Key in the session storage: this tab has already been reloaded once for isolation. */
const TRIED = 'locscale-gpu isolation';

/** What the page has to say before and after it is stored. */
export interface OfflineOptions {
  /** Whether the page may be reloaded, because the user has not started to use it. */
  readonly isUnused: () => boolean;
  readonly onStored: () => void;
}

/**
 * Registers the service worker and waits for it; reloads once if the page is not isolated, because
 * threads need the headers that only the service worker adds. Never throws.
 */
export async function storePage({ isUnused, onStored }: OfflineOptions): Promise<void> {
  // The program's own server needs no copy, and another program may use its address later.
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
