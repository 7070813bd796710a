'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const found = data.found, count = found.check.length;
  const byId = (id) => document.getElementById(id);
  const WORDS = ['info', 'warning', 'error'];
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/gu;
  const seen = (text) => String(text).replace(HIDDEN, (c) => {
    const code = c.codePointAt(0);
    return code < 32 ? String.fromCharCode(0x2400 + code) : '⟨U+' + code.toString(16).toUpperCase().padStart(4, '0') + '⟩';
  });
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = seen(text);
    if (className) made.className = className;
    return made;
  };
  const title = new Map(data.checks.map((check) => [check.name, check.title]));

  // Filters
  const check = byId('check'), severity = byId('severity'), task = byId('task'), query = byId('query');
  for (const one of data.checks) {
    const option = element('option', one.title + ' (' + one.findings.toLocaleString('en') + ')');
    option.value = one.name;
    check.append(option);
  }
  for (const name of [...new Set(data.tasks)].sort().slice(0, 500)) {
    const option = element('option', name);
    option.value = name;
    task.append(option);
  }
  let kept = new Uint32Array(0), chosen = -1;
  const matches = (at, words) => {
    if (found.detail[at] !== null && found.detail[at].toLowerCase().includes(words)) return true;
    const text = found.text[at];
    return text !== null && data.texts[text].some((piece) => piece && piece[2].toLowerCase().includes(words));
  };
  const filter = () => {
    const code = check.value === '' ? null : data.names.indexOf(check.value);
    const level = severity.value === '' ? -1 : Number(severity.value);
    const words = query.value.trim().toLowerCase();
    const next = new Uint32Array(count);
    let length = 0;
    for (let at = 0; at < count; at++) {
      if (code !== null && found.check[at] !== code) continue;
      if (level >= 0 && found.severity[at] !== level) continue;
      if (task.value !== '' && (found.text[at] === null || data.tasks[found.text[at]] !== task.value)) continue;
      if (words !== '' && !matches(at, words)) continue;
      next[length++] = at;
    }
    kept = next.subarray(0, length);
    byId('shown').textContent = length.toLocaleString('en') + ' of ' + count.toLocaleString('en') + ' findings';
    room.style.height = length * HEIGHT + 'px';
    list.scrollTop = 0;
    chosen = -1;
    draw();
  };

  // The list: only the lines in sight are there
  const list = byId('list'), room = byId('room');
  const HEIGHT = 3.25 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4);
    const last = Math.min(kept.length, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + 4);
    const lines = [];
    for (let place = first; place < last; place++) {
      const at = kept[place], name = data.names[found.check[at]];
      const line = element('div', undefined, 'line s' + found.severity[at]);
      line.id = 'line-' + place;
      line.setAttribute('role', 'option');
      line.setAttribute('aria-selected', String(place === chosen));
      line.style.top = place * HEIGHT + 'px';
      line.append(element('b', (title.get(name) || name) + (found.detail[at] ? ': ' + found.detail[at].slice(0, 200) : '')));
      const text = found.text[at];
      const instruction = text === null ? '' : (data.texts[text][1] || ['', '', ''])[2].slice(0, 160);
      line.append(element('span', 'row ' + (found.row[at] === null ? '–' : found.row[at]) + ' · ' + instruction));
      line.addEventListener('click', () => choose(place));
      lines.push(line);
    }
    room.replaceChildren(...lines);
  };
  const choose = (place) => {
    if (place < 0 || place >= kept.length) return;
    chosen = place;
    const top = place * HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
    draw();
    list.setAttribute('aria-activedescendant', 'line-' + place);
    show(kept[place]);
  };
  let waiting = false;
  list.addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }, { passive: true });
  list.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose(Math.max(0, Math.min(kept.length - 1, chosen + step)));
  });

  // One row, its evidence marked; positions are code points
  const marked = (piece, at) => {
    const [, field, text, begin, length] = piece;
    const pre = element('pre');
    pre.dir = 'auto';
    const points = Array.from(text);
    const evident = found.field[at] === field && found.start[at] !== null;
    const from = evident ? Math.max(0, found.start[at] - begin) : points.length;
    const to = evident ? Math.max(from, found.end[at] - begin) : points.length;
    if (begin > 0) pre.append('… ');
    pre.append(seen(points.slice(0, from).join('')));
    if (from < points.length) {
      pre.append(element('mark', points.slice(from, to).join('')));
      pre.append(seen(points.slice(to).join('')));
    }
    if (begin + points.length < length) pre.append(' …');
    return pre;
  };
  const show = (at) => {
    const name = data.names[found.check[at]], parts = [];
    parts.push(element('p', title.get(name) || name, 'lead'));
    parts.push(element('p', WORDS[found.severity[at]] + ' · ' + name + ' · ' + found.source[at] + ', row ' + (found.row[at] === null ? '–' : found.row[at]) + (found.field[at] ? ' · ' + found.field[at] : ''), 'soft'));
    if (found.detail[at]) parts.push(element('p', found.detail[at]));
    if (found.suggestion[at]) parts.push(element('p', found.suggestion[at], 'soft'));
    const text = found.text[at];
    for (const piece of text === null ? [] : data.texts[text]) {
      if (!piece) continue;
      parts.push(element('h3', piece[0] + (piece[1] && piece[1] !== piece[0] ? ' (' + piece[1] + ')' : '')));
      parts.push(marked(piece, at));
      const shownTo = piece[3] + Array.from(piece[2]).length;
      if (found.field[at] === piece[1] && found.start[at] !== null && (found.start[at] < piece[3] || found.start[at] >= shownTo)) {
        parts.push(element('p', 'The evidence stands at characters ' + found.start[at] + ' to ' + found.end[at] + ', outside of what is shown: ' + found.evidence[at], 'pending'));
      }
    }
    byId('row').replaceChildren(...parts);
    byId('row').scrollTop = 0;
  };

  for (const control of [check, severity, task]) control.addEventListener('change', filter);
  query.addEventListener('input', filter);
  for (const button of document.querySelectorAll('.jump')) {
    button.addEventListener('click', () => {
      check.value = button.dataset.check;
      severity.value = task.value = query.value = '';
      filter();
      byId('findings').scrollIntoView();
      choose(0);
    });
  }
  filter();

  // The map
  const map = data.map, canvas = byId('map');
  if (map === null) {
    canvas.remove();
    byId('point').textContent = 'There is no map: the diversity check did not run.';
    byId('colour').parentElement.remove();
    byId('map-note').remove();
    return;
  }
  const context = canvas.getContext('2d'), points = map.x.length;
  const range = (values) => [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
  const [left, right] = range(map.x), [low, high] = range(map.y);
  const px = new Float32Array(points), py = new Float32Array(points);
  let near = -1;
  const hue = (place, all) => 'hsl(' + Math.round((place * 360) / Math.max(all, 1)) + ' 55% 52%)';
  const paint = () => {
    const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
    canvas.width = box.width * ratio;
    canvas.height = box.height * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const values = map[byId('colour').value], sizes = new Map();
    for (const value of values) sizes.set(value, (sizes.get(value) || 0) + 1);
    const order = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a));
    const colour = new Map(order.map((value, place) => [value, hue(place, order.length)]));
    const size = points > 5000 ? 2 : 3;
    for (let at = 0; at < points; at++) {
      px[at] = 12 + ((map.x[at] - left) / (right - left || 1)) * (box.width - 24);
      py[at] = 12 + ((map.y[at] - low) / (high - low || 1)) * (box.height - 24);
      context.fillStyle = colour.get(values[at]);
      context.fillRect(px[at] - size / 2, py[at] - size / 2, size, size);
    }
    if (near >= 0) {
      context.strokeStyle = getComputedStyle(document.body).color;
      context.lineWidth = 2;
      context.strokeRect(px[near] - 6, py[near] - 6, 12, 12);
    }
    byId('legend').replaceChildren(...order.slice(0, 14).map((value) => {
      const item = element('li'), dot = element('i');
      dot.style.background = colour.get(value);
      item.append(dot, seen(value) + ' ' + sizes.get(value).toLocaleString('en'));
      return item;
    }));
  };
  const point = (at) => {
    near = at;
    byId('point').textContent = seen('Row ' + map.row[at] + ', ' + map.task[at] + ': ' + map.title[at]);
    paint();
  };
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, distance = 400;
    for (let at = 0; at < points; at++) {
      const d = (px[at] - x) ** 2 + (py[at] - y) ** 2;
      if (d < distance) { distance = d; best = at; }
    }
    if (best >= 0 && best !== near) point(best);
  });
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    point((near + step + points) % points);
  });
  byId('colour').addEventListener('change', paint);
  window.addEventListener('resize', paint);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
  paint();
})();
