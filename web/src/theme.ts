import { createTheme, type MantineColorsTuple } from '@mantine/core';

const leaf: MantineColorsTuple = [
  '#e9f7f1',
  '#d3ece1',
  '#a7d9c3',
  '#78c5a4',
  '#52b48a',
  '#3aa97a',
  '#258562',
  '#17624a',
  '#0f4f3b',
  '#073c2c',
];

/** Everything that has a colour of its own takes it from the variables in console.css. */
export const theme = createTheme({
  primaryColor: 'leaf',
  primaryShade: { light: 7, dark: 5 },
  colors: { leaf },
  defaultRadius: 'md',
  fontFamily: 'var(--text-face)',
  fontFamilyMonospace: 'var(--mono-face)',
  headings: { fontFamily: 'var(--text-face)', fontWeight: '600' },
  cursorType: 'pointer',
  respectReducedMotion: true,
});
