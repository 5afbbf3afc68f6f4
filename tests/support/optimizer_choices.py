"""Every optimizer and schedule of tf_keras as a config names it, no argument at its default."""

from huberflow.custom_objects.keras_optimizers import OPTIMIZERS, SCHEDULES

_VALUES = {
    "adaptive_epsilon": True,
    "alpha": 0.1,
    "amsgrad": True,
    "beta": 0.2,
    "beta_1": 0.8,
    "beta_2": 0.95,
    "beta_2_decay": -0.7,
    "boundaries": [2, 4],
    "centered": True,
    "clip_threshold": 0.9,
    "clipnorm": 0.7,
    "clipvalue": 0.6,
    "cycle": True,
    "decay_rate": 0.8,
    "decay_steps": 5,
    "dynamic": True,
    "dynamic_growth_steps": 3,
    "ema_momentum": 0.8,
    "ema_overwrite_frequency": 4,
    "end_learning_rate": 0.001,
    "epsilon": 1e-5,
    "epsilon_1": 1e-20,
    "epsilon_2": 0.01,
    "first_decay_steps": 3,
    "global_clipnorm": 0.9,
    "initial_accumulator_value": 0.2,
    "initial_learning_rate": 0.03,
    "initial_scale": 64.0,
    "inner_optimizer": {"name": "Adam", "config": {"learning_rate": 0.02}},
    "jit_compile": False,
    "l1_regularization_strength": 0.01,
    "l2_regularization_strength": 0.02,
    "l2_shrinkage_regularization_strength": 0.03,
    "learning_rate": 0.02,
    "learning_rate_power": -0.4,
    "m_mul": 0.9,
    "momentum": 0.5,
    "nesterov": True,
    "power": 2.0,
    "relative_step": False,
    "rho": 0.85,
    "staircase": True,
    "t_mul": 1.5,
    "use_ema": True,
    "values": [0.03, 0.02, 0.01],
    "warmup_steps": 3,
    "warmup_target": 0.05,
    "weight_decay": 0.02,
}
_ONE_OF_TWO = {"clipnorm", "clipvalue"}  # beside global_clipnorm


def choice(name):
    """An optimizer or a schedule with all its arguments."""
    arguments = (OPTIMIZERS | SCHEDULES)[name]
    config = {each: _VALUES[each] for each in arguments if each not in _ONE_OF_TWO}
    return {"name": name, "config": config}


def scheduled(optimizer, schedule):
    """An optimizer whose learning rate follows a schedule."""
    return {"name": optimizer, "config": {"learning_rate": choice(schedule)}}
