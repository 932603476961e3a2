/* Keeps the page fresh without losing what the reader is doing. Works the same without this, only slower. */
'use strict';
(() => {
  const EVERY_MS = 2000;
  const pause = document.getElementById('pause');
  const pauseText = document.getElementById('pause-text');
  let paused = false;
  let busy = false;

  const isInUse = (element) => element.contains(document.activeElement)
    && document.activeElement.matches('input, select, textarea');

  /* Takes the live parts of a page over; the focus stays on the element with the same id. */
  const take = (html) => {
    const fresh = new DOMParser().parseFromString(html, 'text/html');
    for (const old of document.querySelectorAll('[data-live]')) {
      const now = fresh.getElementById(old.id);
      if (now === null || now.innerHTML === old.innerHTML || isInUse(old)) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement.id : '';
      old.replaceChildren(...now.childNodes);
      if (focused !== '') document.getElementById(focused)?.focus();
    }
  };

  const problem = (text) => {
    const place = document.getElementById('problem');
    place.replaceChildren();
    if (text === '') return;
    const line = document.createElement('p');
    line.className = 'problem';
    line.textContent = text;
    place.append(line);
  };

  const refresh = async () => {
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch('/', { headers: { accept: 'text/html' }, cache: 'no-store' });
      if (!answer.ok) throw new Error(await answer.text());
      take(await answer.text());
      if (document.body.classList.replace('gone', 'here')) problem('');
    } catch {
      if (!document.body.classList.contains('gone')) problem('The local cloud does not answer. Is it still running?');
      document.body.classList.remove('here');
      document.body.classList.add('gone');
    } finally {
      busy = false;
    }
  };

  document.addEventListener('submit', async (event) => {
    const form = event.target;
    if (!form.matches('[data-quiet]')) return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter ?? undefined));
    try {
      const answer = await fetch(form.getAttribute('action'), { method: 'POST', headers: { accept: 'application/json' }, body: fields });
      const said = answer.headers.get('content-type').startsWith('application/json') ? await answer.json() : { error: await answer.text() };
      problem(said.error ?? '');
      if (said.error === undefined && form.id !== '') form.reset();
      if (said.error === undefined) form.closest('details')?.removeAttribute('open');
    } catch {
      problem('The local cloud does not answer. Is it still running?');
    }
    await refresh();
  });

  pause.hidden = false;
  pause.addEventListener('click', () => {
    paused = !paused;
    pause.setAttribute('aria-pressed', String(paused));
    pauseText.textContent = paused ? 'Paused' : 'Live';
    if (!paused) refresh();
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !paused) refresh();
  });
  setInterval(() => {
    if (!paused && !document.hidden) refresh();
  }, EVERY_MS);
})();
