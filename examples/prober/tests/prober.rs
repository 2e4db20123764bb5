//! The driver on the hosted kernel: its questions go to a UDP socket of the standard library's, outside.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use hosted::ntos::NamedStatus;
use hosted::ntos::security::{GENERIC_READ, GENERIC_WRITE};
use hosted::{File, Machine, Setup, Token, each_failure};
use nt_sys::{
    STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_IO_TIMEOUT, STATUS_SUCCESS,
};
use prober::{ASK, Question};

const BRIEFLY: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(60);

/// A server that takes no notice of the first queries, and answers each later one with its bytes in capitals.
struct Server(UdpSocket);

impl Server {
    fn new() -> Server {
        Server(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn take(&self) -> (Vec<u8>, SocketAddr) {
        let mut query = [0; 2000];
        let (length, from) = self.0.recv_from(&mut query).unwrap();
        (query[..length].to_vec(), from)
    }

    fn serve(&self, silent: usize, answered: usize) {
        for _ in 0..silent {
            self.take();
        }
        for _ in 0..answered {
            let (mut query, from) = self.take();
            query.make_ascii_uppercase();
            self.0.send_to(&query, from).unwrap();
        }
    }
}

fn question(port: u16, attempts: u16, limit: Duration, query: &[u8]) -> Vec<u8> {
    [&Question::new((Ipv4Addr::LOCALHOST, port), attempts, limit).to_bytes()[..], query].concat()
}

/// Loads the driver, calls `test` with a handle to its device, closes it and unloads the driver.
fn with_device<R>(machine: &Machine, test: impl FnOnce(File) -> R) -> Result<R, NamedStatus> {
    let driver = hosted::kmdf::load(machine, "prober", prober::driver_entry)?;
    let process = machine.process(Token::Administrator);
    let opened = process.create_file(r"\\.\Prober", GENERIC_READ | GENERIC_WRITE).map(test);
    drop(process);
    driver.unload().expect("it unloads");
    opened
}

fn run(test: impl FnOnce(File)) {
    Setup::strict().run(|machine| with_device(machine, test)).expect("it loads and opens");
}

#[test]
fn the_answer_comes_back() {
    let server = Server::new();
    run(|file| {
        thread::scope(|scope| {
            scope.spawn(|| server.serve(0, 1));
            let mut answer = [0; 16];
            let ended = file.device_io_control(ASK, &question(server.port(), 1, LONG, b"hello"), &mut answer);
            assert_eq!(ended, (STATUS_SUCCESS, 5));
            assert_eq!(&answer[..5], b"HELLO");
        });
    });
}

#[test]
fn it_asks_again() {
    let server = Server::new();
    run(|file| {
        thread::scope(|scope| {
            // Were it not to ask a third time, the server would wait, and the test with it.
            scope.spawn(|| server.serve(2, 1));
            let input = question(server.port(), 100, BRIEFLY, b"hello");
            assert_eq!(file.device_io_control(ASK, &input, &mut [0; 16]), (STATUS_SUCCESS, 5));
        });
    });
}

#[test]
fn without_an_answer_it_gives_up() {
    let server = Server::new();
    run(|file| {
        let input = question(server.port(), 3, BRIEFLY, b"hello");
        assert_eq!(file.device_io_control(ASK, &input, &mut [0; 16]), (STATUS_IO_TIMEOUT, 0));
        server.serve(3, 0);
        server.0.set_nonblocking(true).unwrap();
        assert!(server.0.recv(&mut [0; 16]).is_err(), "a fourth query");
    });
}

#[test]
fn a_stranger_is_not_listened_to() {
    let (server, stranger) = (Server::new(), Server::new());
    run(|file| {
        thread::scope(|scope| {
            scope.spawn(|| {
                let (_, from) = server.take();
                stranger.0.send_to(b"lies", from).unwrap();
                server.0.send_to(b"truth", from).unwrap();
            });
            let mut answer = [0; 16];
            file.device_io_control(ASK, &question(server.port(), 1, LONG, b"?"), &mut answer);
            assert_eq!(&answer[..5], b"truth");
        });
    });
}

#[test]
fn a_question_is_cancelled() {
    let server = Server::new();
    run(|file| {
        let asked = file.begin(ASK, question(server.port(), 1, LONG, b"hello"), vec![0; 16]);
        server.take();
        // One at a time.
        let second = file.device_io_control(ASK, &question(server.port(), 1, LONG, b"hello"), &mut [0; 16]);
        assert_eq!(second, (STATUS_INVALID_DEVICE_STATE, 0));
        asked.cancel();
        assert_eq!(asked.wait().status.0, STATUS_CANCELLED);
        // The next one is not taken for the one that was cancelled.
        thread::scope(|scope| {
            scope.spawn(|| server.serve(0, 1));
            let input = question(server.port(), 1, LONG, b"again");
            assert_eq!(file.device_io_control(ASK, &input, &mut [0; 16]), (STATUS_SUCCESS, 5));
        });
    });
}

#[test]
fn closing_the_handle_ends_its_question() {
    let server = Server::new();
    run(|file| {
        let asked = file.begin(ASK, question(server.port(), 1, LONG, b"hello"), vec![0; 16]);
        server.take();
        drop(file);
        assert_eq!(asked.wait().status.0, STATUS_CANCELLED);
    });
}

#[test]
fn what_is_no_question_is_refused() {
    run(|file| {
        let refusal = |code, input: &[u8]| file.device_io_control(code, input, &mut [0; 16]).status.0;
        assert_eq!(refusal(ASK + 4, b""), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(refusal(ASK, b"too short"), STATUS_INVALID_PARAMETER);
        assert_eq!(refusal(ASK, &question(0, 1, LONG, b"no port")), STATUS_INVALID_PARAMETER);
        assert_eq!(refusal(ASK, &question(1, 0, LONG, b"no attempt")), STATUS_INVALID_PARAMETER);
        assert_eq!(refusal(ASK, &question(1, 1, LONG, &[0; 1501])), STATUS_INVALID_PARAMETER);
    });
}

#[test]
fn an_answer_that_does_not_fit_is_told() {
    let server = Server::new();
    run(|file| {
        thread::scope(|scope| {
            scope.spawn(|| server.serve(0, 1));
            let input = question(server.port(), 1, LONG, b"hello");
            assert_eq!(file.device_io_control(ASK, &input, &mut [0; 4]), (STATUS_BUFFER_TOO_SMALL, 0));
        });
    });
}

/// Each call that can fail does so once. The driver says so, or makes it good; and leaves nothing behind.
#[test]
fn every_call_fails_in_turn() {
    let failures = each_failure(&Setup::strict(), |machine, number| {
        let server = Server::new();
        let input = question(server.port(), 2, BRIEFLY, b"hello");
        let asked = with_device(machine, |file| file.device_io_control(ASK, &input, &mut [0; 16]).status.0);
        let status = asked.unwrap_or_else(|refused| refused.0);
        let call = machine.faults().fired().unwrap_or("nothing");
        let expected = [STATUS_IO_TIMEOUT, STATUS_INSUFFICIENT_RESOURCES];
        assert!(expected.contains(&status), "failure {number}, of {call}: {}", NamedStatus(status));
    });
    let struck = |call| failures.iter().any(|failure| failure.call == call);
    for call in ["ExAllocatePool2", "IoAllocateIrp", "WdfWorkItemCreate", "WskBind", "WskReceiveFrom"] {
        assert!(struck(call), "{call} was not made to fail: {failures:?}");
    }
}

/// The driver is right whatever Windows does where its pages are silent.
#[test]
fn it_works_under_every_reading() {
    for setup in (0..20).map(Setup::seed) {
        println!("{setup}");
        let server = Server::new();
        let works = |file: File| {
            thread::scope(|scope| {
                scope.spawn(|| server.serve(1, 1));
                let input = question(server.port(), 100, BRIEFLY, b"hello");
                assert_eq!(file.device_io_control(ASK, &input, &mut [0; 16]), (STATUS_SUCCESS, 5));
            });
        };
        setup.run(|machine| with_device(machine, works)).expect("it loads and opens");
    }
}
