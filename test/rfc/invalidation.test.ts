import { conformance, FRESH, scenario } from './support/scenario.ts';

const stored = { reply: { headers: FRESH } };

conformance('RFC 9111 §4.4, invalidating stored responses', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'PURGE', 'MKCOL', 'LOCK', 'LINK', 'M-SEARCH'])
    scenario(`"MUST invalidate the target URI": ${method}`, [stored, { method }, {}]);
  for (const method of ['OPTIONS', 'HEAD', 'PROPFIND', 'REPORT', 'SEARCH', 'TRACE'])
    scenario(`a safe method does not: ${method}`, [
      stored,
      {
        method,
        ...(method === 'HEAD' && { hit: 0 }),
        ...(method !== 'HEAD' && { text: '' }),
        reply: { body: '' },
      },
      { hit: 0 },
    ]);
  for (const status of [200, 201, 202, 204, 299, 301, 302, 303, 307, 399])
    scenario(`"when it receives a non-error status code": ${status}`, [
      stored,
      { method: 'POST', reply: { status } },
      {},
    ]);
  for (const status of [400, 401, 403, 404, 409, 429, 500, 503, 599])
    scenario(`an error invalidates nothing: ${status}`, [
      stored,
      { method: 'POST', reply: { status } },
      { hit: 0 },
    ]);
  for (const field of ['Location', 'Content-Location']) {
    scenario(`"A cache MAY invalidate other URIs": ${field}, relative`, [
      { at: '/other', ...stored },
      { method: 'POST', reply: { headers: { [field]: 'OTHER' } } },
      { at: '/other', hit: 0 },
      { method: 'POST', at: '/x', reply: { headers: { [field]: 'other' } } },
      { at: '/other' },
    ]);
    scenario(`an error does not invalidate what ${field} names`, [
      { at: '/other', ...stored },
      { method: 'POST', at: '/x', reply: { status: 500, headers: { [field]: 'other' } } },
      { at: '/other', hit: 0 },
    ]);
    scenario(`"MUST NOT ... if the origin of the URI to be invalidated differs": ${field}`, [
      { at: '/other', ...stored },
      { method: 'POST', at: '/x', reply: { headers: { [field]: 'http://example.com/other' } } },
      { method: 'POST', at: '/x', reply: { headers: { [field]: 'https://127.0.0.1/other' } } },
      { at: '/other', hit: 0 },
    ]);
    scenario(`${field} that is no URI invalidates the target alone`, [
      { at: '/x', ...stored },
      { method: 'POST', at: '/x', reply: { headers: { [field]: 'http://[' } } },
      { at: '/x' },
    ]);
  }
  scenario('the target with its query, and no other', [
    { at: '?a=1', ...stored },
    { at: '?a=2', ...stored },
    { method: 'POST', at: '?a=1' },
    { at: '?a=2', hit: 1 },
    { at: '?a=1' },
  ]);
  scenario('what is stored afterwards is used again', [stored, { method: 'POST' }, stored, { hit: 2 }]);
  scenario('the response to an unsafe method is not what a GET is answered with', [
    stored,
    { method: 'PUT', reply: { headers: FRESH } },
    {},
  ]);
});

conformance('RFC 9110 §9.3.3, POST', () => {
  const own = (at: string) => ({ ...FRESH, 'Content-Location': at });
  scenario('the response to a POST answers no GET, though its Content-Location names the target', [
    { method: 'POST', at: '/form', reply: { headers: own('form') } },
    { at: '/form' },
  ]);
  scenario('a POST is never answered from the cache: "MUST be written through"', [
    { at: '/form', ...stored },
    { method: 'POST', at: '/form', reply: { headers: own('form') } },
    { at: '/form' },
  ]);
});
