/** Writes RELION_OUTPUT_NODES.star, from which RELION's pipeline learns the results of an external job. */

/** Kind of a result. */
export type NodeKind = 'map' | 'image' | 'resolution' | 'mask';

export interface RelionNode {
  /** Relative to the project, as every path in RELION. */
  readonly file: string;
  readonly kind: NodeKind;
}

/** A label since RELION 4, a number in 3.1 (11: sharpened map, 12: local resolution). */
const types: Record<NodeKind, { readonly label: string; readonly number: number }> = {
  map: { label: 'DensityMap.mrc', number: 11 },
  image: { label: 'Image3D.mrc', number: 11 },
  resolution: { label: 'Image3D.mrc.localresmap', number: 12 },
  mask: { label: 'Mask3D.mrc', number: 7 },
};

/** Writes both type columns: RELION 3.1 reads the numbers and later versions the labels. */
export function encodeRelionNodes(nodes: readonly RelionNode[]): string {
  const lines = [
    '# version 30001',
    '',
    'data_output_nodes',
    '',
    'loop_',
    '_rlnPipeLineNodeName #1',
    '_rlnPipeLineNodeTypeLabel #2',
    '_rlnPipeLineNodeType #3',
    ...nodes.map(({ file, kind }) => `${file} ${types[kind].label} ${types[kind].number}`),
  ];
  return `${lines.join('\n')}\n\n`;
}
