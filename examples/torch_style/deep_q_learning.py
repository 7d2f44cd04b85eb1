"""Deep Q-learning balances a pole on a cart ("Human-level control through deep reinforcement learning", 2015)."""

import copy
import math

import numpy as np
from common import Curves, draw_weights, show

import minitorch as torch
import minitorch.nn.functional as F
from minitorch import nn, optim


class CartPole:
    """The cart of Barto, Sutton and Anderson (1983), pushed left or right 50 times a second; 1 point for each step."""

    gravity, cart, pole, half_length, force, tick = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, generator):
        self.generator = generator

    def reset(self):
        self.state = self.generator.uniform(-0.05, 0.05, 4)
        return self.state

    def step(self, action):
        _, speed, angle, turning = self.state
        total = self.cart + self.pole
        push = (self.force if action else -self.force) + self.pole * self.half_length * turning**2 * math.sin(angle)
        push /= total
        lever = self.half_length * (4 / 3 - self.pole * math.cos(angle) ** 2 / total)
        twist = (self.gravity * math.sin(angle) - math.cos(angle) * push) / lever
        pull = push - self.pole * self.half_length * twist * math.cos(angle) / total
        self.state = self.state + self.tick * np.array([speed, pull, turning, twist])
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > math.radians(12)
        return self.state, 1.0, fallen


class Memory:
    """The latest transitions, one row each: state, action, reward, next state, whether it ended."""

    def __init__(self, capacity):
        self.rows = np.zeros((capacity, 11))
        self.count = 0

    def push(self, state, action, reward, following, ended):
        self.rows[self.count % len(self.rows)] = [*state, action, reward, *following, ended]
        self.count += 1

    def sample(self, generator, size):
        rows = self.rows[generator.integers(0, min(self.count, len(self.rows)), size)]
        state, action, reward, following, ended = np.split(rows, [4, 5, 6, 10], axis=1)
        parts = map(torch.from_numpy, (state, action.astype(np.int64), reward, following, ended))
        return tuple(parts)


def main(steps: int = 4000, size: int = 64, discount: float = 0.98) -> Curves:
    generator = np.random.default_rng(0)
    # Double precision: a choice between two actions of almost the same value must not hang on rounding.
    layers = nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    policy = draw_weights(nn.Sequential(*layers).double())
    target = copy.deepcopy(policy)
    optimizer = optim.AdamW(policy.parameters(), lr=2e-3, amsgrad=True)
    environment, memory = CartPole(generator), Memory(5000)

    curves = {"loss": [], "episode length": []}
    state, length = environment.reset(), 0
    for step in range(steps):
        if generator.random() < max(0.02, 1 - step / 1000):
            action = int(generator.integers(2))
        else:
            with torch.no_grad():
                action = policy(torch.from_numpy(state)).argmax().item()
        following, reward, fallen = environment.step(action)
        memory.push(state, action, reward, following, fallen)
        state, length = following, length + 1
        if fallen or length == 300:
            curves["episode length"].append(float(length))
            state, length = environment.reset(), 0
        if step < size:
            continue

        states, actions, rewards, followings, ended = memory.sample(generator, size)
        with torch.no_grad():
            future = target(followings).max(dim=1, keepdim=True).values
        expected = rewards + discount * future * (1 - ended)
        loss = F.smooth_l1_loss(policy(states).gather(1, actions), expected)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 10.0)
        optimizer.step()
        curves["loss"].append(loss.item())
        for slow, fast in zip(target.parameters(), policy.parameters()):
            slow.data.lerp_(fast.data, 0.02)
    return curves


if __name__ == "__main__":
    show(main())
