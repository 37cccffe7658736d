/** An array inside a weight file: its declared metadata, and its values on demand. */
export interface StoredTensor {
  readonly name: string;
  /** C order: the last axis varies fastest. */
  readonly shape: readonly number[];
  /** Type name from the file, for messages: "float32". */
  readonly type: string;
  /**
   * Values as float32; throws 'bad-input' where the type is not a floating-point one or values are missing.
   */
  readonly read: () => Promise<Float32Array>;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function shapeText(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}
