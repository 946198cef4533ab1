import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { FindPerson } from '../design/FindPerson.tsx';

interface PersonFilterProps {
  person: string | undefined;
  onPerson(person: string | undefined): void;
}

/** Shows what concerns one person only. */
export function PersonFilter({ person, onPerson }: PersonFilterProps) {
  if (person === undefined)
    return <FindPerson action="Filter" personId={null} onPerson={(id) => id !== null && onPerson(id)} />;
  return (
    <p className="flow-person">
      Only{' '}
      <Link to="/people/$id" params={{ id: person }}>
        person {person}
      </Link>
      <Button size="compact-xs" variant="subtle" color="gray" onClick={() => onPerson(undefined)}>
        Show everybody
      </Button>
    </p>
  );
}
