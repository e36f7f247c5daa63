import { expect, test } from '@jest/globals';
import { isLoopbackAddress, loopbackHost } from '../../../src/http/loopback.ts';

test.each([
  ['localhost', 'localhost', undefined],
  ['LOCALHOST:80', 'LOCALHOST', '80'],
  ['127.0.0.1', '127.0.0.1', undefined],
  ['127.1.2.3:65535', '127.1.2.3', '65535'],
  ['[::1]:3000', '[::1]', '3000'],
])('the host %s names this machine', (host, name, port) => {
  expect(loopbackHost(host)).toEqual({ name, port });
});

test.each([
  '',
  'localhost.example.com:1',
  'a.localhost',
  '127.0.0.1.example.com',
  '128.0.0.1',
  '[::2]:1',
  '::1',
  'localhost:',
])('the host %j does not name this machine', (host) => {
  expect(loopbackHost(host)).toBeUndefined();
});

test.each([
  ['127.0.0.1', true],
  ['::ffff:127.0.0.1', true],
  ['::1', true],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['', false],
])('that the address %j is one of this machine is %p', (address, expected) => {
  expect(isLoopbackAddress(address)).toBe(expected);
});
