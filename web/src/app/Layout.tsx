import { ActionIcon, Drawer, Menu, Select } from '@mantine/core';
import { IconBook2, IconDotsVertical, IconLogout2, IconMenu2 } from '@tabler/icons-react';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { useEffect, useRef, useState, type MouseEvent } from 'react';
import { Mark } from '../design/Mark.tsx';
import { NAVIGATION } from './navigation.ts';
import { ROLE_WORDS } from './roles.ts';
import { SchemeToggle } from './SchemeToggle.tsx';
import { useSession } from './session.ts';

/** The frame of every page: navigation, workspace, and where the page goes. */
export function Layout() {
  const content = useRef<HTMLElement>(null);
  const skip = (event: MouseEvent): void => {
    // The fragment of the address names the page, so this must not become one.
    event.preventDefault();
    content.current?.focus();
  };
  return (
    <div className="frame">
      <a className="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <aside className="side">
        <Brand />
        <SideContent />
      </aside>
      <TopBar />
      <main id="content" ref={content} className="content" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

function Brand() {
  return (
    <Link className="brand" to="/" aria-label="Jane Traits, first page">
      <Mark size={24} />
      <span>Jane Traits</span>
    </Link>
  );
}

/** On narrow screens; the navigation is in a drawer. */
function TopBar() {
  const [opened, setOpened] = useState(false);
  const { pathname } = useLocation();
  useEffect(() => setOpened(false), [pathname]);
  return (
    <header className="topbar">
      <Brand />
      <ActionIcon variant="subtle" color="gray" size="xl" aria-label="Menu" onClick={() => setOpened(true)}>
        <IconMenu2 size={20} />
      </ActionIcon>
      <Drawer opened={opened} onClose={() => setOpened(false)} size={280} title="Menu" padding="md">
        <div className="drawer-side">
          <SideContent />
        </div>
      </Drawer>
    </header>
  );
}

function SideContent() {
  const { role } = useSession();
  return (
    <>
      <WorkspaceName />
      <nav aria-label="Pages">
        {NAVIGATION.map(({ title, entries }) => (
          <div key={title ?? ''} className="nav">
            {title !== undefined && <div className="nav-title">{title}</div>}
            {entries.map(({ to, title: name, icon: Icon }) => (
              <Link key={to} to={to}>
                <Icon size={17} stroke={1.6} aria-hidden />
                {name}
              </Link>
            ))}
          </div>
        ))}
      </nav>
      <div className="side-end">
        <span className="side-role">{ROLE_WORDS[role]}</span>
        <SchemeToggle />
        <MoreMenu />
      </div>
    </>
  );
}

function WorkspaceName() {
  const { workspace, workspaces, choose } = useSession();
  if (workspaces.length < 2)
    return (
      <span className="workspace">
        {workspace.name}
        <small>{workspace.time_zone}</small>
      </span>
    );
  return (
    <Select
      size="xs"
      aria-label="Workspace"
      description={workspace.time_zone}
      inputWrapperOrder={['input', 'description']}
      searchable={workspaces.length > 8}
      allowDeselect={false}
      value={workspace.id}
      data={workspaces.map(({ id, name }) => ({ value: id, label: name }))}
      onChange={(id) => id !== null && id !== workspace.id && choose(id)}
    />
  );
}

function MoreMenu() {
  const { leave } = useSession();
  return (
    <Menu position="top-end" shadow="md" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="More">
          <IconDotsVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href="/docs" target="_blank" rel="noopener" leftSection={<IconBook2 size={16} />}>
          API reference
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout2 size={16} />} onClick={leave}>
          Use another key
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
