/* Functions that run in the page. Each must contain all that it needs. */

/** The texts that an element has from now on. */
exports.watched = (id) => {
  const lines = [];
  const place = document.getElementById(id);
  new MutationObserver(() => lines.push(place.textContent)).observe(place, { childList: true });
  return lines;
};

exports.isFocused = (element) => element === document.activeElement;

exports.focused = () => {
  const at = document.activeElement;
  return at.textContent.trim() || at.getAttribute('name') || at.tagName;
};

exports.unnamed = () =>
  [...document.querySelectorAll('main button, main input, main select, main textarea')]
    .filter((at) => at.checkVisibility())
    .filter((at) => !at.labels?.[0]?.textContent.trim() && !(at.localName === 'button' && at.textContent))
    .map((at) => at.outerHTML);

exports.copied = () => navigator.clipboard.readText();

/** The elements with a transition or an animation. */
exports.moving = () =>
  [...document.querySelectorAll('*')]
    .filter((at) => {
      const { transitionDuration, animationName } = getComputedStyle(at);
      return transitionDuration.split(', ').some((time) => time !== '0s') || animationName !== 'none';
    })
    .map((at) => at.outerHTML);

/** Writes markup into the document. Returns the name of the error. */
exports.addMarkup = () => {
  try {
    document.body.innerHTML = '<b>markup</b>';
    return 'done';
  } catch (error) {
    return error.name;
  }
};

/** Tries to purge everything from the page of another site, in every way that a page can; and to frame the inspector. */
exports.attack = async (origin) => {
  const url = `${origin}/admin/cache/api/purge`;
  const body = JSON.stringify({ target: { all: true } });
  const status = (init) =>
    fetch(url, { method: 'POST', body, credentials: 'include', ...init }).then(
      (response) => response.status,
      () => 'refused',
    );
  const tried = [
    await status({ headers: { 'Content-Type': 'application/json', 'X-Cache-Inspector': '1' } }),
    await status({ mode: 'no-cors' }),
    await status({ headers: { 'Content-Type': 'text/plain' } }),
  ];
  const form = document.body.appendChild(document.createElement('form'));
  Object.assign(form, { method: 'post', action: url, enctype: 'text/plain', target: 'inside' });
  const field = form.appendChild(document.createElement('input'));
  Object.assign(field, { name: '{"target":{"all":true},"x":"', value: '"}' });
  const framed = async (name, go) => {
    const frame = document.body.appendChild(Object.assign(document.createElement('iframe'), { name }));
    const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    go(frame);
    await loaded;
  };
  await framed('inside', () => form.submit());
  await framed('other', (frame) => {
    frame.src = `${origin}/admin/cache/`;
  });
  return tried;
};

/** Texts with a contrast below 4.5 (WCAG 1.4.3), and elements that make the page wider than the window (1.4.10). */
exports.illegible = () => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (at) => {
    for (let one = at; one; one = one.parentElement) {
      const color = rgba(getComputedStyle(one).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const place = document.querySelector('dialog[open]') ?? document.documentElement;
  const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const at = text.parentElement;
    if (!text.nodeValue.trim() || !at.checkVisibility() || at.closest('.skip, noscript, head')) continue;
    const [one, other] = [luminance(rgba(getComputedStyle(at).color)), luminance(behind(at))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) bad.push(`${contrast.toFixed(2)}: ${text.nodeValue}`);
  }
  const { scrollWidth, clientWidth } = place;
  if (scrollWidth > clientWidth) {
    const wide = [...place.querySelectorAll('*')].filter(
      (at) => at.getBoundingClientRect().right > clientWidth + 1,
    );
    bad.push(
      `${scrollWidth} wide in ${clientWidth}: ${wide.map((at) => at.outerHTML.slice(0, 80)).slice(0, 5)}`,
    );
  }
  return bad;
};
