import { defineConfig, type Field } from '../../lib/config/index.ts';

export const TOPOLOGY_NAMES = ['carts', 'people'] as const;
export type TopologyName = (typeof TOPOLOGY_NAMES)[number];

const topologies: Field<TopologyName[]> = {
  fallback: TOPOLOGY_NAMES.join(','),
  doc: 'Which topologies this process runs. Run them apart to scale them apart.',
  kind: `some of ${TOPOLOGY_NAMES.join(', ')}, with commas`,
  parse(text) {
    const names = text.split(',').map((name) => name.trim());
    const known = TOPOLOGY_NAMES.filter((name) => names.includes(name));
    if (known.length !== names.length) throw new Error(`must be ${this.kind}`);
    return known;
  },
};

export const PROCESSOR_CONFIG = defineConfig({
  name: 'processor',
  doc: 'Folds deliveries into the traits of carts (topology carts), and carts into people (topology people).',
  fields: { PROCESSOR_TOPOLOGIES: topologies },
});
