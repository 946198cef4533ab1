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

/** Mantine's greys, warmed for light and greened for dark, so that its own parts sit well on ours. */
const gray: MantineColorsTuple = [
  '#f8f6f1',
  '#f0ede4',
  '#e8e4d9',
  '#dcd7c9',
  '#cbc5b5',
  '#a9a699',
  '#838379',
  '#5f6d66',
  '#3a4741',
  '#1b2a25',
];
const dark: MantineColorsTuple = [
  '#e7ede9',
  '#b9c5bf',
  '#93a39b',
  '#6d7d75',
  '#34443d',
  '#24312c',
  '#1a2521',
  '#131c19',
  '#0f1715',
  '#0d1412',
];

/** White text on its shades 6 (dark) and 7 (light) has the contrast that WCAG AA asks for. */
const red: MantineColorsTuple = [
  '#fbeeec',
  '#f6dfdb',
  '#eebbb4',
  '#ec8a80',
  '#dd6a60',
  '#c9524a',
  '#b8433c',
  '#a2352f',
  '#852924',
  '#651d19',
];

/** Everything that has a colour of its own takes it from the variables in console.css. */
export const theme = createTheme({
  primaryColor: 'leaf',
  primaryShade: { light: 7, dark: 6 },
  colors: { leaf, gray, dark, red },
  defaultRadius: 'md',
  fontFamily: 'var(--text-face)',
  fontFamilyMonospace: 'var(--mono-face)',
  headings: { fontFamily: 'var(--text-face)', fontWeight: '600' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  // By name: an import would add them to the first load.
  components: {
    Modal: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
    Drawer: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
  },
});
