//! Memory is cleared before it is lent again, does not grow, and what runs out or is lost is an error that says what to do.

use ::wgpu::Buffer;

use super::*;
use crate::backend::adapter::present;
use crate::kernel::twin::linear::COMBINE;
use crate::kernel::twin::pack::XOR;

fn buffer(x: &Buf) -> Buffer {
    x.inner::<PooledBuffer>().buffer().clone()
}

/// What a buffer holds, without the backend's help.
fn read(gpu: &Wgpu, buffer: &Buffer) -> Vec<u8> {
    let size = buffer.size();
    let staging =
        gpu.device.create_buffer(&BufferDescriptor { label: None, size, usage: READBACK, mapped_at_creation: false });
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, size);
    gpu.queue.submit([encoder.finish()]);
    staging.map_async(MapMode::Read, .., |_| ());
    gpu.guard.wait("a test", None).expect("the device answers");
    staging.get_mapped_range(..).expect("it is mapped").to_vec()
}

fn is_zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}

#[test]
fn what_is_let_go_is_cleared_before_it_is_lent_again() {
    let Some(gpu) = present(Wgpu::first()) else { return };
    let (pattern, other) = ([0xa5; 3000], [0x3c; 3000]);
    let x = gpu.upload(&pattern).expect("room");
    let y = gpu.upload(&other).expect("room");
    let its = buffer(&x);
    assert_eq!(read(&gpu, &its)[..3000], pattern);
    let sum = gpu.run(&XOR, RingWord::U32, &[0; 2], &[&x, &y], 750).expect("it runs");
    drop(x);
    // let go, but recorded commands still use it: it holds its pattern, and nobody else gets it
    assert_eq!(read(&gpu, &its)[..3000], pattern);
    let next = gpu.zeros(3000).expect("room");
    assert_ne!(buffer(&next), its);
    assert!(is_zeros(&read(&gpu, &buffer(&next))));
    assert_eq!(gpu.download(&[(&sum, 3000)]).expect("the sum"), [0xa5 ^ 0x3c; 3000]);

    assert!(is_zeros(&read(&gpu, &its)));
    let made = gpu.buffers_made();
    let again = gpu.zeros(2990).expect("room");
    assert_eq!((buffer(&again), gpu.buffers_made()), (its, made), "lent again");
    assert!(is_zeros(&gpu.download(&[(&again, 2990)]).expect("zeros")));
}

#[test]
fn what_the_host_read_is_cleared_too() {
    let Some(gpu) = present(Wgpu::first()) else { return };
    let x = gpu.upload(&[0xa5; 4096]).expect("room");
    assert_eq!(gpu.download(&[(&x, 4096)]).expect("it"), [0xa5; 4096]);
    gpu.submit(&mut gpu.batch(), "a test").expect("nothing to send but the clearing");
    let loan = gpu.lend("a test", 4096, READBACK).expect("room");
    loan.buffer().map_async(MapMode::Read, .., |_| ());
    gpu.guard.wait("a test", None).expect("the device answers");
    assert!(is_zeros(&loan.buffer().get_mapped_range(..).expect("it is mapped")));
    loan.buffer().unmap();
}

#[test]
fn what_is_never_lent_again_is_cleared_at_the_end_and_large_memory_at_once() {
    let Some(gpu) = present(Wgpu::first()) else { return };
    let witness = present(Wgpu::first()).expect("there was one");
    let key = gpu.upload(&[0xa5; 32]).expect("room");
    // a second backend on the same device can look after the first one has gone
    let witness = Wgpu {
        device: gpu.device.clone(),
        queue: gpu.queue.clone(),
        guard: Guard::new("witness", &gpu.device),
        ..witness
    };
    let its = buffer(&key);
    assert_eq!(read(&witness, &its)[..32], [0xa5; 32]);

    let kept = gpu.pool.kept();
    let rows = gpu.upload(&vec![0xa5; (64 << 20) + 4]).expect("room");
    let large = buffer(&rows);
    drop(rows);
    gpu.submit(&mut gpu.batch(), "a test").expect("it is sent");
    assert_eq!(gpu.pool.kept(), kept, "data sets are not kept");
    assert!(is_zeros(&read(&witness, &large)));

    drop((gpu, key));
    assert!(is_zeros(&read(&witness, &its)));
}

#[test]
fn memory_does_not_grow_over_many_rounds() {
    let Some(gpu) = present(Wgpu::first()) else { return };
    let mut made = Vec::new();
    for round in 0..50 {
        // sizes of a whole and of a last batch; more dispatches than a batch takes
        let len = if round % 7 == 6 { 300 } else { 1000 };
        let mut x = gpu.upload(&vec![1; 4 * len]).expect("room");
        for _ in 0..100 {
            x = gpu.run(&XOR, RingWord::U32, &[0; 2], &[&x, &x], len).expect("it runs");
        }
        gpu.download(&[(&x, 4 * len)]).expect("it");
        made.push(gpu.buffers_made());
    }
    assert_eq!(made[13], made[49], "{made:?}");
    assert!(gpu.pool.lent() < 1 << 20 && gpu.pool.kept() < 1 << 20);
}

/// In a process of its own that may have little memory.
#[cfg(unix)]
#[test]
fn a_full_device_gives_back_what_it_keeps_and_then_says_what_to_reduce() {
    const CHILD: &str = "PPDNN_TEST_FULL_DEVICE";
    if std::env::var_os(CHILD).is_some() {
        return fill_the_device();
    }
    let Some(gpu) = present(Wgpu::first()) else { return };
    if Adapter::list()[0].kind != "software" {
        // a limit on the memory of a process says nothing of a card's
        return crate::backend::adapter::skip(&format!("the memory of {} is not filled", gpu.name));
    }
    let test = std::env::current_exe().expect("a test knows itself");
    let name = "backend::gpu::tests::a_full_device_gives_back_what_it_keeps_and_then_says_what_to_reduce";
    let mut child = std::process::Command::new("sh");
    child.args(["-c", "ulimit -v 2000000 && exec \"$0\" --exact \"$1\" --nocapture"]).arg(test).arg(name);
    // threads reserve memory of their own
    child.env(CHILD, "1").env("LP_NUM_THREADS", "1").env("MALLOC_ARENA_MAX", "2");
    let ended = child.output().expect("a shell");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
}

fn fill_the_device() {
    let gpu = Wgpu::first().expect("there was one");
    let hold = |bytes: usize, most: usize| {
        let mut held = Vec::new();
        while held.len() < most {
            match gpu.zeros(bytes) {
                Ok(x) => held.push(x),
                Err(e) => return (held, Some(e.to_string())),
            }
        }
        (held, None)
    };
    let (held, none) = hold(16 << 20, 20);
    assert_eq!((held.len(), none), (20, None));
    drop(held);
    gpu.submit(&mut gpu.batch(), "a test").expect("it is sent");
    assert_eq!(gpu.pool.kept(), 320 << 20);
    // another size, so that what is kept is of no use but to the driver
    let (held, error) = hold(48 << 20, 100);
    let error = error.expect("100 times 48 MiB are more than the process may have");
    assert_eq!(gpu.pool.kept(), 0, "it gave back what it kept");
    let used = format!("out of memory in zeros, with {} MiB in use", 48 * held.len());
    assert!(error.contains(&used) && error.contains("smaller batch"), "{error}");
    // and the device is still good
    drop(held);
    let x = gpu.upload(&[7; 1 << 20]).expect("room again");
    assert_eq!(gpu.download(&[(&x, 1 << 20)]).expect("it"), [7; 1 << 20]);
}

#[test]
fn a_lost_device_is_an_error_and_no_panic() {
    let Some(gpu) = present(Wgpu::first()) else { return };
    let x = gpu.upload(&[1; 4]).expect("room for a word");
    gpu.device.destroy();
    let run = |x: &Buf| gpu.run(&XOR, RingWord::U32, &[0; 2], &[x, x], 1);
    let errors = [gpu.upload(&[0; 4]).err(), run(&x).err(), gpu.download(&[(&x, 4)]).err()];
    for error in errors {
        let said = error.expect("nothing works on a lost device").to_string();
        assert!(said.starts_with("device: ") && said.contains(&gpu.name), "{said}");
        assert!(said.contains("start the run again") && said.contains("a smaller batch"), "{said}");
    }
}

/// A batch's dispatches keep their parameters apart, the longest as the shortest.
#[test]
fn the_dispatches_of_a_batch_have_parameters_of_their_own() {
    let Some(gpu) = present(Wgpu::first()) else { return };
    let longest = kernels().map(|k| 4 * k.params.len()).max().expect("there are kernels");
    assert!(gpu.slot >= longest);
    let one = gpu.upload(bytemuck::bytes_of(&1u32)).expect("room");
    let times = |k: u32| gpu.run(&COMBINE, RingWord::U32, &[k, 0, 0, 0], &[&one, &one], 1).expect("it runs");
    let all: Vec<Buf> = (0..50).map(times).collect();
    let got = gpu.download(&all.iter().map(|x| (x, 4)).collect::<Vec<_>>()).expect("all of them");
    assert_eq!(got, bytemuck::cast_slice::<u32, u8>(&(0..50).collect::<Vec<_>>()));
}
