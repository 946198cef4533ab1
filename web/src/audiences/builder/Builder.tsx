import { combine } from '@atlaskit/pragmatic-drag-and-drop/combine';
import {
  draggable,
  dropTargetForElements,
  monitorForElements,
} from '@atlaskit/pragmatic-drag-and-drop/element/adapter';
import { QueryBuilderDnD } from '@react-querybuilder/dnd';
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
import { dayIn } from '../../design/time.ts';
import { capitalised, statusLabel } from '../../design/words.ts';
import { useStores, useUnknownStatuses } from '../data.ts';
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

const CONTROLS = {
  rule: ConditionRow,
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
  const storeNames = useStores();
  const unknown = useUnknownStatuses();
  const [announcement, announce] = useState('');
  const storeKey = JSON.stringify([...storeNames]);
  const unknownKey = unknown.join();
  const context = useMemo(
    (): BuilderContext => ({
      timeZone,
      today: dayIn(timeZone, Date.now()),
      stores: [...storeNames].map(([value, name]) => ({ value, label: name === '' ? value : `${name} (${value})` })),
      statuses: [
        ...STATUSES.map(({ status, meaning }) => ({
          value: status,
          label: statusLabel(status),
          meaning: capitalised(meaning),
        })),
        ...unknown.map((status) => ({
          value: status,
          label: statusLabel(status),
          meaning: 'Not a status that Jane documents',
        })),
      ],
      refusals,
      announce,
    }),
    // The maps are new objects at every answer; their content counts
    [timeZone, storeKey, unknownKey, refusals],
  );
  const change = useCallback((next: RuleGroupTypeAny) => onChange(next as unknown as Group), [onChange]);
  return (
    <BuilderContext.Provider value={context}>
      <QueryBuilderDnD dnd={adapter}>
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
