import torch


def save_as_authors(module, path, method, epoch=60, zip_format=True):
    """Saves a twin in the dictionary that the authors' training code of its method writes.

    Args:
        module: A network of `make_twin`.
        path: File to write.
        method: `"gsf"` stores the weights as `model_state_dict` beside the gradient scaler;
            `"gsm"`, `"tsm"`, `"tsn"` and `"gst"` as `state_dict`.
        epoch: Stored as it is.
        zip_format: False for the format of torch before 1.6.
    """
    weights = {f"module.{key}": tensor for key, tensor in module.state_dict().items()}
    checkpoint = {"epoch": epoch, "arch": type(module.base_model).__name__}
    best = torch.tensor(52.5)  # A 0-d tensor, as top-1 is where it was never converted.
    if method == "gsf":
        scaler = {
            "scale": 65536.0,
            "growth_factor": 2.0,
            "backoff_factor": 0.5,
            "growth_interval": 2000,
            "_growth_tracker": 0,
        }
        checkpoint.update(
            model_state_dict=weights,
            scaler_state_dict=scaler,
            best_prec1=best,
            current_prec1=best.clone(),
            lr=0.01,
        )
    else:
        checkpoint.update(state_dict=weights, best_prec1=best)
        if method == "tsm":
            group = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "params": [0]}
            buffer = torch.zeros_like(module.new_fc.bias)
            state = {0: {"momentum_buffer": buffer}}
            checkpoint["optimizer"] = {"state": state, "param_groups": [group]}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zip_format)


def save_rubiksnet_as_authors(network, path, zip_format=True, **entries):
    """Saves a `RubiksNetwork` in the dictionary that RubiksNet's code writes.

    Args:
        network: A `RubiksNetwork`.
        path: File to write.
        zip_format: False for the format of torch before 1.6.
        **entries: What is stored in the place of the truth, such as another `tier`.
    """
    checkpoint = {
        "tier": network.tier,
        "num_classes": network.new_fc.out_features,
        "num_frames": network.num_segments,
        "variant": "rubiks3d-aq" if network.attention else "rubiks3d",
        "model": network.state_dict(),
    }
    torch.save(checkpoint | entries, path, _use_new_zipfile_serialization=zip_format)
