// node --import ./tell.mjs FILE     the program listens on a free port in place of its own, and tells its URL

import { Server } from 'node:net';

const { listen } = Server.prototype;
Server.prototype.listen = function (where, ...others) {
  this.once('listening', () => console.log(`http://localhost:${this.address().port}`));
  return listen.call(this, typeof where === 'object' ? { ...where, port: 0 } : 0, ...others);
};
