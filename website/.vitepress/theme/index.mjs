// The default theme without its web fonts: the fonts of the reader's system.

import DefaultTheme from 'vitepress/theme-without-fonts';
import './theme.css';

export default DefaultTheme;
