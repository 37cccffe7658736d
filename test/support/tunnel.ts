/** As "ssh -L" does it, without SSH: a port of this computer that leads to another port, and can break. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Tunnel {
  readonly url: string;
  private readonly to: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(to: number, server: Server) {
    this.to = to;
    this.server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on('connection', (near) => this.forward(near));
  }

  /** `to`: an address on this machine; the tunnel's own port is another. */
  static async open(to: string): Promise<Tunnel> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Tunnel(Number(new URL(to).port), server);
  }

  /** Connections are cut, and nothing answers at the port. */
  async break(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** At the same port. */
  async mend(): Promise<void> {
    await once(this.server.listen(Number(new URL(this.url).port), '127.0.0.1'), 'listening');
  }

  private forward(near: Socket): void {
    const far = connect(this.to, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      this.sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
