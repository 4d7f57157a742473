//! Start: how long a program takes to open its port.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use crate::stats::Summary;
use crate::{Fault, process};

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Where the program will listen.
    #[arg(long)]
    address: String,
    /// How often it is started.
    #[arg(long, default_value_t = 10)]
    times: usize,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    let mut spans = Vec::new();
    let mut rss = 0;
    for _ in 0..options.times {
        if TcpStream::connect(&options.address).is_ok() {
            return Err("something listens there already".into());
        }
        let (program, arguments) = options.command.split_first().ok_or("no program")?;
        let begin = Instant::now();
        let mut command = Command::new(program);
        let child = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut child = Running(child);
        while TcpStream::connect(&options.address).is_err() {
            if begin.elapsed() > Duration::from_secs(5) || child.0.try_wait()?.is_some() {
                return Err("it does not listen".into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        spans.push(begin.elapsed());
        std::thread::sleep(Duration::from_millis(300));
        rss = process::look(child.0.id())?.rss;
    }
    if let Some(spans) = Summary::of(spans) {
        println!("start -> listening  {spans}; {:.1} MiB resident", rss as f64 / 1024.0 / 1024.0);
    }
    Ok(())
}

/// A child that does not outlive its measurement.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _code = self.0.wait();
    }
}
