/** Serialises collective operations, which must reach every rank in the same order. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Starts `work` once all work queued before it has settled. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result;
    // The caller of the failed work sees the rejection; the next only waits for it to settle.
    result.catch(() => {});
    return result;
  }
}
