//! Recipes: what drivers do with this crate again and again. The module has no items.
//!
//! # A recipe: query, retry, time limit, cancel, unload
//!
//! A thread of the driver asks a server, and asks again if no answer comes. Whoever wants the end of it, because its own
//! request was cancelled or the driver unloads, sets a flag and cancels:
//!
//! ```
//! use core::sync::atomic::{AtomicBool, Ordering};
//! use core::time::Duration;
//!
//! use wsk::{Buffer, Canceller, Datagram, Error, Op, Passive};
//!
//! const ATTEMPTS: u32 = 3;
//! # #[cfg(not(miri))]
//! const LIMIT: Duration = Duration::from_secs(1);
//! # // Its clock goes by what is executed, whichever thread it is.
//! # #[cfg(miri)]
//! # const LIMIT: Duration = Duration::from_secs(20);
//!
//! /// What ends a question: for another thread.
//! struct End<'q> {
//!     asked: &'q AtomicBool,
//!     call: Canceller,
//! }
//!
//! impl End<'_> {
//!     fn end(&self) {
//!         self.asked.store(true, Ordering::Release); // for the calls that follow,
//!         self.call.cancel(); // and then for the one that waits now
//!     }
//! }
//!
//! /// Asks the server that the socket's remote address is. `op` is the operation of each call, which its canceller ends.
//! fn ask(
//!     socket: &Datagram<'_>,
//!     query: &[u8],
//!     op: &mut Op<()>,
//!     ended: &AtomicBool,
//!     passive: &Passive,
//! ) -> wsk::Result<Buffer> {
//!     let unless_ended = || if ended.load(Ordering::Acquire) { Err(Error::CANCELLED) } else { Ok(()) };
//!     let mut buffer = Buffer::new(1500)?;
//!     for _ in 0..ATTEMPTS {
//!         buffer.fill(query)?;
//!         unless_ended()?;
//!         socket.send(&buffer, op.call(passive))?;
//!         unless_ended()?;
//!         match socket.receive(&mut buffer, op.call(passive.within(LIMIT))) {
//!             Ok(_) => return Ok(buffer),
//!             Err(Error::IO_TIMEOUT) => {} // lost, on the way there or back
//!             Err(error) => return Err(error),
//!         }
//!     }
//!     Err(Error::IO_TIMEOUT)
//! }
//!
//! # use wsk::ioctl::SetRemoteAddress;
//! # use wsk::{Family, Registration, Version};
//! # fn main() { hosted(|net| client(net).unwrap()); }
//! # fn hosted(driver: impl FnOnce(netio::memory::Net)) {
//! #     let machine = ntos::Machine::boot(ntos::Config::default());
//! #     let net = netio::memory::Net::new();
//! #     let network = netio::Network::Memory(net.clone());
//! #     netio::install(&machine, netio::Config { network, ..Default::default() });
//! #     let entered = machine.enter();
//! #     driver(net);
//! #     drop(entered);
//! #     machine.shutdown();
//! # }
//! # fn client(net: netio::memory::Net) -> wsk::Result {
//! # let passive = &Passive::check().unwrap();
//! # let peer = net.peer("127.0.0.1:0".parse().unwrap()).unwrap();
//! # let server = peer.local_addr().unwrap();
//! # let peer = std::thread::spawn(move || {
//! #     let mut bytes = [0; 16];
//! #     peer.recv_from(&mut bytes).unwrap(); // lost
//! #     let (length, from) = peer.recv_from(&mut bytes).unwrap();
//! #     peer.send_to(&bytes[..length], from).unwrap();
//! #     peer
//! # });
//! let registration = Registration::register(Version::V1_0, passive)?;
//! let provider = registration.provider(passive)?;
//! let socket = provider.datagram(Family::V4, passive)?.bind("0.0.0.0:0".parse().unwrap(), passive)?;
//! socket.ioctl::<SetRemoteAddress>(Some(server), passive)?; // strangers' datagrams do not come
//!
//! let (mut op, ended) = (Op::new(())?, AtomicBool::new(false));
//! let end = End { asked: &ended, call: op.canceller() };
//! let answer = ask(&socket, b"who is there?", &mut op, &ended, passive)?;
//! assert_eq!(&answer[..], b"who is there?");
//! # let _peer = peer.join().unwrap();
//!
//! // Unload: the question ends first, by whichever of the two comes in time. Then its thread is waited for, and what it had
//! // goes in the order of the borrows: socket, provider, registration.
//! end.end();
//! assert_eq!(ask(&socket, b"who is there?", &mut op, &ended, passive).map(drop), Err(Error::CANCELLED));
//! socket.close(passive)
//! # }
//! ```
//!
//! `examples/prober` of the repository is the same without a thread that waits: a driver, whose requests are asked this way by
//! operations and a queue.
//!
//! # Where the socket of several steps lives
//!
//! An operation borrows its socket for the call that submits it, and no longer: the close cancels what is pending. So whoever
//! goes on when a step has completed must find the socket again. It cannot be in the operation, whose buffers borrow
//! nothing and are dropped in a completion. It is where the driver keeps what lives as long as the conversation, such as
//! the context of a file object, or a table; and the operation carries the place:
//!
//! ```
//! use core::time::Duration;
//!
//! use wsk::{Bind, Buffer, Completion, CompletionQueue, Error, Family, Op, Passive, ReceiveFrom, SendTo, Socket};
//!
//! # use std::ffi::c_void;
//! # use std::net::SocketAddr;
//! # use wsk::{Doorbell, Registration, Version};
//! /// What an operation carries: the data, and the place of its conversation.
//! type Carried = (Buffer, usize);
//!
//! struct Conversations<'r> {
//!     sockets: [Option<Socket<'r>>; 2],
//!     queue: CompletionQueue<'r, Carried, Completion<'r>>,
//!     server: SocketAddr,
//! }
//!
//! impl<'r> Conversations<'r> {
//!     /// The work item: each operation goes on to the next step of its conversation.
//!     fn step(&mut self, mut answers: impl FnMut(&[u8])) -> wsk::Result {
//!         for (completion, mut op) in self.queue.drain() {
//!             let place = &mut self.sockets[op.buffers().1];
//!             if let Completion::Create(made) = completion {
//!                 let any = "0.0.0.0:0".parse().unwrap();
//!                 place.insert(made?).submit_to(&self.queue, op, Bind(any), None);
//!                 continue;
//!             }
//!             let Some(socket) = place else { continue };
//!             match completion {
//!                 Completion::Bind(Ok(())) => {
//!                     op.buffers_mut().0.fill(b"who is there?")?;
//!                     socket.submit_to(&self.queue, op, SendTo(Some(self.server)), None);
//!                 }
//!                 Completion::Send(Ok(_)) => {
//!                     socket.submit_to(&self.queue, op, ReceiveFrom, Duration::from_secs(20));
//!                 }
//!                 Completion::Receive(Ok(_)) => {
//!                     answers(&op.buffers().0);
//!                     *place = None; // closes the socket
//!                 }
//!                 failed => return Err(failed.error().unwrap_or(Error::UNSUCCESSFUL)),
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # unsafe fn enqueue_work_item(_: *mut c_void) {}
//! # fn main() { hosted(|net| client(net).unwrap()); }
//! # fn hosted(driver: impl FnOnce(netio::memory::Net)) {
//! #     let machine = ntos::Machine::boot(ntos::Config::default());
//! #     let net = netio::memory::Net::new();
//! #     let network = netio::Network::Memory(net.clone());
//! #     netio::install(&machine, netio::Config { network, ..Default::default() });
//! #     let entered = machine.enter();
//! #     driver(net);
//! #     drop(entered);
//! #     machine.shutdown();
//! # }
//! # fn client(net: netio::memory::Net) -> wsk::Result {
//! # let passive = &Passive::check().unwrap();
//! # let peer = net.peer("127.0.0.1:0".parse().unwrap()).unwrap();
//! # let server = peer.local_addr().unwrap();
//! # let peer = std::thread::spawn(move || {
//! #     let mut bytes = [0; 16];
//! #     for _ in 0..2 {
//! #         let (length, from) = peer.recv_from(&mut bytes).unwrap();
//! #         peer.send_to(&bytes[..length], from).unwrap();
//! #     }
//! #     peer
//! # });
//! # let registration = Registration::register(Version::V1_0, passive)?;
//! # let provider = registration.provider(passive)?;
//! # let doorbell = unsafe { Doorbell::new(enqueue_work_item, std::ptr::null_mut()) };
//! let queue = CompletionQueue::new(doorbell, passive)?;
//! let mut all = Conversations { sockets: [None, None], queue, server };
//! for place in 0..2 {
//!     let op = Op::new((Buffer::new(1500)?, place))?;
//!     provider.socket(Family::V4).create()?.submit_to(&all.queue, op, None);
//! }
//! # let mut answered = 0;
//! # while answered < 2 {
//! #     all.step(|answer| { assert_eq!(answer, b"who is there?"); answered += 1; })?;
//! #     passive.sleep(Duration::from_millis(1));
//! # }
//! # drop(peer.join().unwrap());
//! # Ok(())
//! # }
//! ```
//!
//! The sockets are before the queue in the structure, so they close first, and the queue's drop gets what that has cancelled.
