//! R177: memory that is given back is wiped, whoever used it: tokens pass through strings of the glue,
//! of form encoding and of the JSON reader, and none of them may be found afterwards.

#![allow(unsafe_code)] // An allocator cannot be written without.

use alloc::alloc::{GlobalAlloc, Layout};

struct Wiping;

#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

// SAFETY: every call is passed on to the system's allocator; a block is written to only between its
// allocation and its release, within its size. `realloc` is the default: allocate, copy, release.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { std::alloc::System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe {
            // Volatile, or the compiler drops a write to memory that nobody reads again.
            for at in 0..layout.size() {
                block.add(at).write_volatile(0);
            }
            std::alloc::System.dealloc(block, layout);
        }
    }
}
