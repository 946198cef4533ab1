import { combine } from '@atlaskit/pragmatic-drag-and-drop/combine';
import {
  draggable,
  dropTargetForElements,
  monitorForElements,
} from '@atlaskit/pragmatic-drag-and-drop/element/adapter';
import { QueryBuilderDnD, RuleDnD } from '@react-querybuilder/dnd';
import { createPragmaticDndAdapter } from '@react-querybuilder/dnd/pragmatic-dnd';
import { memo, useCallback, useMemo, useState, type ComponentType } from 'react';
import {
  QueryBuilder,
  type ControlElementsProp,
  type RuleGroupProps,
  type RuleGroupTypeAny,
  type UseRuleGroup,
} from 'react-querybuilder';
import { STATUSES } from '../../../../lib/jane/statuses.ts';
import { useSession } from '../../app/session.ts';
import { useStores } from '../../data/stores.ts';
import { unknownStatusesOf, useTraits } from '../../data/traits.ts';
import { dayIn } from '../../design/time.ts';
import { capitalised, statusLabel } from '../../design/words.ts';
import { newRule, type Group } from '../model/query.ts';
import './builder.css';
import { ConditionRow } from './ConditionRow.tsx';
import { BuilderContext } from './context.ts';
import { GroupBody, GroupHeader } from './GroupParts.tsx';

/** Names the builder in react-querybuilder's store; there is one on a page. */
export const BUILDER_ID = 'audience';

const adapter = createPragmaticDndAdapter({ draggable, dropTargetForElements, monitorForElements, combine });

const FIELDS = [{ name: 'condition', value: 'condition', label: 'Condition' }];
const OPERATORS = [{ name: 'is', value: 'is', label: 'is' }];
const COMBINATORS = [
  { name: 'and', value: 'and', label: 'and' },
  { name: 'or', value: 'or', label: 'or' },
];

type Part = ComponentType<RuleGroupProps & UseRuleGroup>;

// What the drag-and-drop wraps. Given to the builder itself it would replace the wrapper: no row could be dragged.
const ROWS = { rule: ConditionRow } as object;

const CONTROLS = {
  // A change of one condition must not render the wrappers of the others either.
  rule: memo(RuleDnD),
  ruleGroupHeaderElements: GroupHeader as Part,
  ruleGroupBodyElements: GroupBody as Part,
} as unknown as ControlElementsProp<never, string>;

const CLASSES = { ruleGroup: 'group', queryBuilder: 'builder', header: 'group-top' };

// Outside of the component: react-querybuilder renders every rule again when one of its functions is another one.
const completeRule = ((rule: { id?: string }) => ({ ...newRule(), id: rule.id })) as never;
const completeGroup = ((group: object) => ({ ...group, combinator: 'or', rules: [newRule()] })) as never;
const noDescription = (): string => '';

interface BuilderProps {
  query: Group;
  refusals: ReadonlyMap<string, string>;
  onChange(query: Group): void;
}

/** The conditions of an audience, to edit with keyboard, pointer and touch. */
export const Builder = memo(function Builder({ query, refusals, onChange }: BuilderProps) {
  const { time_zone: timeZone } = useSession().workspace;
  const stores = useStores().data ?? [];
  const traits = useTraits().data;
  const storeKey = JSON.stringify(stores.map(({ store_id, name }) => [store_id, name]));
  const [announcement, announce] = useState('');
  const context = useMemo(
    (): BuilderContext => ({
      timeZone,
      today: dayIn(timeZone, Date.now()),
      stores: stores.map(({ store_id, name }) => ({
        value: store_id,
        label: name === null || name === '' ? store_id : `${name} (${store_id})`,
      })),
      statuses: [
        ...STATUSES.map(({ status, meaning }) => ({
          value: status,
          label: statusLabel(status),
          meaning: capitalised(meaning),
        })),
        ...unknownStatusesOf(traits).map((status) => ({
          value: status,
          label: statusLabel(status),
          meaning: 'Not a status that Jane documents',
        })),
      ],
      refusals,
      announce,
    }),
    // The stores change with every cart; their names count
    [timeZone, storeKey, traits, refusals],
  );
  const change = useCallback((next: RuleGroupTypeAny) => onChange(next as unknown as Group), [onChange]);
  return (
    <BuilderContext.Provider value={context}>
      <QueryBuilderDnD dnd={adapter} controlElements={ROWS}>
        <QueryBuilder
          qbId={BUILDER_ID}
          query={query as never}
          onQueryChange={change}
          fields={FIELDS}
          operators={OPERATORS}
          combinators={COMBINATORS}
          controlElements={CONTROLS}
          controlClassnames={CLASSES}
          suppressStandardClassnames
          onAddRule={completeRule}
          onAddGroup={completeGroup}
          accessibleDescriptionGenerator={noDescription}
          resetOnFieldChange={false}
          resetOnOperatorChange={false}
          enableMountQueryChange={false}
          addRuleToNewGroups={false}
        />
      </QueryBuilderDnD>
      <p className="visually-hidden" role="status">
        {announcement}
      </p>
    </BuilderContext.Provider>
  );
});
