import { Request } from './request';

// A red-black tree of requests by start sector, through the records' own links. Equal starts are
// allowed: the later one sorts behind. The root lives in a field of the owner, passed by address.
//
//   red: `isRed` = 1. No red node has a red child; every way down passes as many black ones.

const NONE = changetype<Request>(0);
/** The right link stands behind the left one. */
const LEFT_AT: usize = offsetof<Request>('treeLeft');

function rootOf(tree: usize): Request {
  return changetype<Request>(<usize>load<u32>(tree));
}

function setRoot(tree: usize, node: Request): void {
  store<u32>(tree, <u32>changetype<usize>(node));
}

function isRed(node: Request): bool {
  return node ? node.isRed != 0 : false;
}

/** Puts `node` where `old` hangs. */
function replaceChild(tree: usize, old: Request, node: Request): void {
  const parent = old.treeParent;
  if (!parent) setRoot(tree, node);
  else if (parent.treeLeft == old) parent.treeLeft = node;
  else parent.treeRight = node;
  if (node) node.treeParent = parent;
}

function rotateLeft(tree: usize, node: Request): void {
  const right = node.treeRight;
  replaceChild(tree, node, right);
  node.treeRight = right.treeLeft;
  if (right.treeLeft) right.treeLeft.treeParent = node;
  right.treeLeft = node;
  node.treeParent = right;
}

function rotateRight(tree: usize, node: Request): void {
  const left = node.treeLeft;
  replaceChild(tree, node, left);
  node.treeLeft = left.treeRight;
  if (left.treeRight) left.treeRight.treeParent = node;
  left.treeRight = node;
  node.treeParent = left;
}

// The side is computed and not branched on: for places in no order a branch would be guessed wrongly half of the time.
export function treeInsert(tree: usize, node: Request): void {
  const sector = node.sector;
  let parent = NONE;
  // where the link to `at` stands
  let link = tree;
  for (let at = <usize>load<u32>(tree); at; at = <usize>load<u32>(link)) {
    parent = changetype<Request>(at);
    link = at + LEFT_AT + (sector >= parent.sector ? 4 : 0);
  }
  node.treeLeft = NONE;
  node.treeRight = NONE;
  node.treeParent = parent;
  node.isRed = 1;
  store<u32>(link, <u32>changetype<usize>(node));
  if (!parent) node.isRed = 0;
  else if (parent.isRed) rebalanceInsert(tree, node);
}

// 1. the uncle is red: both black, the grandparent red, go on from there
// 2. inner grandchild: rotate it outside
// 3. outer grandchild: rotate the grandparent
function rebalanceInsert(tree: usize, inserted: Request): void {
  let node = inserted;
  while (true) {
    const parent = node.treeParent;
    if (!parent) {
      node.isRed = 0;
      return;
    }
    if (!parent.isRed) return;
    const grand = parent.treeParent;
    const isLeft = grand.treeLeft == parent;
    const uncle = isLeft ? grand.treeRight : grand.treeLeft;
    if (isRed(uncle)) {
      parent.isRed = 0;
      uncle.isRed = 0;
      grand.isRed = 1;
      node = grand;
      continue;
    }
    let top = parent;
    if (isLeft) {
      if (parent.treeRight == node) {
        rotateLeft(tree, parent);
        top = node;
      }
      rotateRight(tree, grand);
    } else {
      if (parent.treeLeft == node) {
        rotateRight(tree, parent);
        top = node;
      }
      rotateLeft(tree, grand);
    }
    top.isRed = 0;
    grand.isRed = 1;
    return;
  }
}

export function treeRemove(tree: usize, node: Request): void {
  let child: Request;
  let parent: Request;
  let wasBlack: bool;
  if (node.treeLeft && node.treeRight) {
    // two children: the successor takes the node's place and colour
    let next = node.treeRight;
    while (next.treeLeft) next = next.treeLeft;
    wasBlack = !next.isRed;
    child = next.treeRight;
    if (next.treeParent == node) {
      parent = next;
    } else {
      parent = next.treeParent;
      replaceChild(tree, next, child);
      next.treeRight = node.treeRight;
      node.treeRight.treeParent = next;
    }
    next.treeLeft = node.treeLeft;
    node.treeLeft.treeParent = next;
    next.isRed = node.isRed;
    replaceChild(tree, node, next);
  } else {
    child = node.treeLeft ? node.treeLeft : node.treeRight;
    parent = node.treeParent;
    wasBlack = !node.isRed;
    replaceChild(tree, node, child);
  }
  if (wasBlack) rebalanceRemove(tree, child, parent);
}

// `node` (may be null) hangs below `parent` and lacks one black.
// 1. red sibling: rotate, so that the sibling is black
// 2. black sibling without red children: paint it red, the lack moves up
// 3. the sibling's near child is red: rotate it to the far side
// 4. the far child is red: rotate the parent, done
function rebalanceRemove(tree: usize, start: Request, startParent: Request): void {
  let node = start;
  let parent = startParent;
  while (parent && !isRed(node)) {
    if (parent.treeLeft == node) {
      let sibling = parent.treeRight;
      if (sibling.isRed) {
        sibling.isRed = 0;
        parent.isRed = 1;
        rotateLeft(tree, parent);
        sibling = parent.treeRight;
      }
      const near = sibling.treeLeft;
      let far = sibling.treeRight;
      if (!isRed(near) && !isRed(far)) {
        sibling.isRed = 1;
        node = parent;
        parent = node.treeParent;
        continue;
      }
      if (!isRed(far)) {
        near.isRed = 0;
        sibling.isRed = 1;
        rotateRight(tree, sibling);
        sibling = parent.treeRight;
        far = sibling.treeRight;
      }
      sibling.isRed = parent.isRed;
      parent.isRed = 0;
      far.isRed = 0;
      rotateLeft(tree, parent);
    } else {
      let sibling = parent.treeLeft;
      if (sibling.isRed) {
        sibling.isRed = 0;
        parent.isRed = 1;
        rotateRight(tree, parent);
        sibling = parent.treeLeft;
      }
      const near = sibling.treeRight;
      let far = sibling.treeLeft;
      if (!isRed(near) && !isRed(far)) {
        sibling.isRed = 1;
        node = parent;
        parent = node.treeParent;
        continue;
      }
      if (!isRed(far)) {
        near.isRed = 0;
        sibling.isRed = 1;
        rotateLeft(tree, sibling);
        sibling = parent.treeLeft;
        far = sibling.treeLeft;
      }
      sibling.isRed = parent.isRed;
      parent.isRed = 0;
      far.isRed = 0;
      rotateRight(tree, parent);
    }
    return;
  }
  if (node) node.isRed = 0;
}

/** The first request, in order, that begins at `sector` or above, or null. */
export function treeFrom(tree: usize, sector: u64): Request {
  let found = NONE;
  let at = rootOf(tree);
  while (at) {
    if (at.sector >= sector) {
      found = at;
      at = at.treeLeft;
    } else {
      at = at.treeRight;
    }
  }
  return found;
}

/** The next request in sector order, or null. */
export function treeNext(node: Request): Request {
  if (node.treeRight) {
    let at = node.treeRight;
    while (at.treeLeft) at = at.treeLeft;
    return at;
  }
  let at = node;
  while (at.treeParent && at.treeParent.treeRight == at) at = at.treeParent;
  return at.treeParent;
}

/** The request before this one in sector order, or null. */
export function treePrevious(node: Request): Request {
  if (node.treeLeft) {
    let at = node.treeLeft;
    while (at.treeRight) at = at.treeRight;
    return at;
  }
  let at = node;
  while (at.treeParent && at.treeParent.treeLeft == at) at = at.treeParent;
  return at.treeParent;
}
