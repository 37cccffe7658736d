/** Collective operations one after the other: they must reach every rank in the same order. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Starts `work` when all work handed in before has ended, well or not. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result;
    // Whoever asked for the work sees its failure; the next in line only waits for its end.
    result.catch(() => {});
    return result;
  }
}
